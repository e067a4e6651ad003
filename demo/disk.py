"""How much disk the demo takes: the most that was seen, looked at all the time."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

# st_blocks counts these, whatever the file system's own block is.
_BLOCK: Final = 512
# A trial restore, of which nothing is left, takes a second or two.
_EVERY: Final = 0.5


class Disk:
    """Look at folders for as long as the block runs, and keep the most."""

    def __init__(self, folders: Sequence[Path]) -> None:
        # The server's data may lie inside the demo's folder, or elsewhere.
        self._folders = [
            folder for folder in folders if not any(one in folder.parents for one in folders)
        ]
        self.most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_EVERY):
            self.most = max(self.most, sum(_used(folder) for folder in self._folders))


def _used(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_blocks * _BLOCK
        except OSError:
            # A server removes files whenever it likes.
            continue
    return total
