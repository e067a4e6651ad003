"""`pgtide create`: write a migration file that runs as it is."""

import json
import re
import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from semver import Version

from cli.console import say
from cli.document import show
from cli.options import Json, without_database
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import Refused
from pgtide.model.migration import split_name
from pgtide.operate.declared import declarations

_SLUG: Final = 50
_FIRST: Final = "1.0.0"
_TEMPLATE: Final = '''\
"""{title}

It runs as it is: put what you need in place of the one change below. `pgtide plan {version}`
shows each statement with its lock and its undo, and changes nothing.
"""

from flows import migration_flow
from pgtide import AddColumn, Migration

migration = Migration(
    version={quoted_version},
    description={description},
    table={table},
    changes=[
        AddColumn({column}, type="text"),
    ],
    contract_release={contract},  # contract belongs to a later release than expand
)

flow = migration_flow(migration)
'''


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(create)


def create(
    ctx: typer.Context,
    text: Annotated[str, typer.Argument(help="What the migration is for, in words.")],
    table: Annotated[str, typer.Option(metavar="T", help="The table: schema.table, or table.")],
    *,
    as_json: Json = False,
) -> None:
    """Write a migration file that runs as it is."""
    directory = without_database(ctx).migrations_dir
    version = next_version([one.version for one in declarations(directory)])
    path = directory / f"{stem(text, SYSTEM_CLOCK.now())}.py"
    _write(path, content(text, qualified(table), version))
    if as_json:
        show({"id": path.stem, "path": str(path), "version": version})
    else:
        say(f"{path} is written, as version {version}.")
        say("Put your changes in it; `pgtide plan` shows what it would do.")


def stem(text: str, at: datetime) -> str:
    """Return a file's stem: time in UTC, and what the text says in ASCII."""
    return f"{at:%Y%m%d_%H%M%S}_{slug(text) or 'migration'}"


def slug(text: str) -> str:
    """Return a text's letters and digits in ASCII, lower case, joined by underscores."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")[:_SLUG].rstrip("_")


def qualified(table: str) -> str:
    """Return a table's name with its schema; raises Refused where it is no name."""
    parts = split_name(table)
    if len(parts) not in {1, 2}:
        raise Refused(
            f"{table!r} is no table's name.",
            state="Nothing was written.",
            remedy='Write schema.table, or table; quote a part that holds a dot: public."a.b".',
        )
    return table if len(parts) == 2 else f"public.{table}"  # noqa: PLR2004


def next_version(taken: list[str | None]) -> str:
    """Return the next free semantic version: one minor step above the highest."""
    known = [Version.parse(one) for one in taken if one and Version.is_valid(one)]
    return str(max(known).bump_minor()) if known else _FIRST


def content(text: str, table: str, version: str) -> str:
    """Return the text of a migration file."""
    words = " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split())
    title = words.rstrip(".").replace("\\", "\\\\").replace('"', '\\"')
    return _TEMPLATE.format(
        title=f"{title}.",
        version=version,
        quoted_version=_quoted(version),
        description=_quoted(words),
        table=_quoted(table),
        column=_quoted(slug(text) or "new_column"),
        contract=_quoted(str(Version.parse(version).bump_minor())),
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Refused(
            f"{path} is there already.",
            state="It was left as it is.",
            remedy="Run the command again in a second, or give it other words.",
        ) from None
