"""Ways to undo a contracted migration of the strategy's table, one file each."""

from pathlib import Path
from typing import Final, Protocol

from tests.bench.undoing.by_command import by_command
from tests.bench.undoing.from_psql import from_psql
from tests.bench.undoing.naively import naively


class Way(Protocol):
    """Undo it, in the database of this address; the folder is for what a command leaves."""

    def __call__(self, url: str, folder: Path) -> None: ...


PGTIDE: Final[dict[str, Way]] = {"psql": from_psql, "pgtide down": by_command}
# What pgtide does not do: the control, which must grow.
NAIVE: Final = "all rows under the lock"
WAYS: Final[dict[str, Way]] = {**PGTIDE, NAIVE: naively}
