"""What an application did, one line per statement: the other side of the account.

A line is written after the server's answer and before the next statement, so an acknowledged write
is never missing from it.
"""

import json
import threading
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from demo.releases import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One statement: when it began (monotonic seconds), how long it took, what came of it.

    `id` and `revision` are what the server acknowledged of a write; `error` is None where the
    statement succeeded.
    """

    begun: float
    seconds: float
    kind: Kind
    id: int | None
    revision: int | None
    flag: bool | None
    token: str | None
    error: str | None

    @property
    def ended(self) -> float:
        """Return when the answer came."""
        return self.begun + self.seconds

    @property
    def sets_values(self) -> bool:
        """Tell whether it is an acknowledged write to the columns that the migration replaces."""
        return self.revision is not None and self.kind in {Kind.CHANGE, Kind.REGISTER}


class Journal:
    """Write entries from several threads, each line whole and on its way before the next."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, entry: Entry) -> None:
        """Write an entry down."""
        with self._lock:
            self._file.write(json.dumps(asdict(entry), separators=(",", ":")) + "\n")
            self._file.flush()


def read(path: Path) -> Iterator[Entry]:
    """Read the whole lines of a journal; the last one may still be being written."""
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if text.endswith("\n"):
            values = json.loads(text)
            yield Entry(**{**values, "kind": Kind(values["kind"])})


def longest(entries: Iterable[Entry]) -> Entry | None:
    """Return the statement that took longest."""
    return max(entries, key=lambda entry: entry.seconds, default=None)
