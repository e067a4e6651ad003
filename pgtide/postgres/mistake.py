"""A mistake in a migration file, shown with its place."""

from pgtide.errors import InvalidMigration


def pointed(text: str, place: int) -> str:
    """Return the text with a caret below the place, in its own line."""
    end = text.find("\n", place)
    above, below = (text, "") if end < 0 else (text[:end], text[end:])
    indented = "\n".join(f"    {line}" for line in above.split("\n"))
    rest = below.replace("\n", "\n    ")
    return f"\n{indented}\n    {' ' * (place - text.rfind(chr(10), 0, place) - 1)}^{rest}"


def mistake(label: str, what: str) -> InvalidMigration:
    """Return a refusal of the declaration; `what` ends in a line break or in nothing."""
    return InvalidMigration(
        f"{label}: {what}".rstrip() + ("\n" if what.endswith("\n") else "."),
        state="Nothing was changed.",
        remedy="Mend the migration file and run the command again.",
    )
