"""What a migration file says of itself, read without running it.

A file imports the orchestrator; status and the commands that must work without it read the text.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pgtide.model.migration import ID


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A migration file's id, with version and description where they are written as plain text."""

    id: str
    version: str | None
    description: str | None


def declarations(directory: Path) -> list[Declaration]:
    """Return the migration files of a directory in the order of ids; none where it is missing."""
    return [_read(path) for path in sorted(directory.glob("*.py")) if ID.fullmatch(path.stem)]


def _read(path: Path) -> Declaration:
    try:
        words = dict(_words(ast.parse(path.read_text(encoding="utf-8"))))
    except (OSError, SyntaxError, ValueError):
        # Whoever loads the file gets the real error; here it is only listed.
        words = {}
    return Declaration(
        id=path.stem, version=words.get("version"), description=words.get("description")
    )


def _words(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(module):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "Migration"
        ):
            for word in node.keywords:
                if word.arg and isinstance(word.value, ast.Constant):
                    yield word.arg, str(word.value.value)
