"""Where the demo keeps its files: `.pgtide/demo` here, or a temporary folder where it cannot write.

Journals, dumps, logs and the result stay after the run; a new run begins by removing them.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.kept import SERVER, stop_kept
from pgtide.errors import Refused

_LOCK = "lock"


@contextmanager
def cleared_place(home: Path) -> Iterator[Path]:
    """Hold the demo's folder below a home, emptied, with a kept server of an earlier run stopped.

    Raises Refused while another demo uses it.
    """
    place = _writable(home)
    with (place / _LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(
                f"Another demo is running in {place}.",
                state="Nothing was started.",
                remedy="Wait for it, or run this one in another folder.",
            ) from None
        _clear(place)
        yield place


def _writable(home: Path) -> Path:
    place = (home / "demo").absolute()
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.mkdtemp(prefix="pgtide-demo-"))
    return place if os.access(place, os.W_OK) else Path(tempfile.mkdtemp(prefix="pgtide-demo-"))


def _clear(place: Path) -> None:
    stop_kept(place)
    location = place / SERVER / "location"
    # As root the data may lie elsewhere, where the server's user can reach them.
    if location.exists():
        shutil.rmtree(location.read_text(encoding="utf-8").strip(), ignore_errors=True)
    for path in place.iterdir():
        if path.name != _LOCK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
