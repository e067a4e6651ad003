"""The little of Markdown that reports need, safe for any text in it."""

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar or a line break in a cell does not break it."""
    lines = [_row(head), _row(["---"] * len(head)), *(_row([_cell(c) for c in r]) for r in rows)]
    return "\n".join(lines)


def code(text: str) -> str:
    """Return a block of SQL, fenced by more backticks than the text has in a row."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}sql\n{text.strip()}\n{fence}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>")
