"""Undo as an operator does."""

from pathlib import Path

from tests.command import Workplace


def by_command(url: str, folder: Path) -> None:
    """Run `pgtide down 2.1.0 --yes`, however long it takes."""
    with Workplace(folder=folder, url=url).start("down", "2.1.0", "--yes") as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
