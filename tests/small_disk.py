"""A disk of the test's own, small enough to be filled."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a small disk that everybody may write to; skip where that is refused."""
    if os.geteuid() != 0:
        pytest.skip("FULL DISK NOT TESTED: only root may mount a small disk")
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=1777", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        place.rmdir()
        pytest.skip("FULL DISK NOT TESTED: this machine does not let a small disk be mounted")
    try:
        yield place
    finally:
        # Lazily: the server may still hold files of it open.
        subprocess.run(["umount", "-l", str(place)], check=True)
        place.rmdir()


def fill_up(disk: Path, *, leave: int) -> Path:
    """Fill a disk but for so many bytes; return the file to remove."""
    filler = disk / "filler"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    # A server that writes meanwhile may take the last of it.
    with suppress(OSError):
        filler.write_bytes(b"\0" * (free - leave))
    assert os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize <= leave
    return filler
