"""How much disk the demo takes: the most that was seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

# st_blocks counts these, whatever the file system's own block is.
_BLOCK: Final = 512


class Disk:
    """Look at folders now and then, and keep the most."""

    def __init__(self, folders: Sequence[Path]) -> None:
        # The server's data may lie inside the demo's folder, or elsewhere.
        self._folders = [
            folder for folder in folders if not any(one in folder.parents for one in folders)
        ]
        self.most = 0

    def look(self) -> None:
        """Measure what the folders take now."""
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
