"""Directories that nobody else can put something into, in places that everybody knows.

Root runs what it finds there, so a directory counts only if no other user could have made it,
moved it or written to it: no symlink, ours, and every parent root's or ours, or sticky.
"""

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

from pgtide.errors import Refused
from pgtide.postgres.embedded.account import Account, can_enter

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def temporary_parents() -> list[Path]:
    """List where temporary things may go; the first may be private to root (it is on macOS)."""
    return [Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()]  # noqa: S108  checked by its users


def trusted_directory(parents: Iterable[Path], name: str, *, account: Account | None) -> Path:
    """Return a directory of ours that the account can enter, made if need be; mode 0755.

    The first of the parents that will do is taken. In a parent that all may write to, the name
    gets our user id, so that users do not stand in each other's way.
    """
    refusals = []
    for parent in parents:
        shared = parent.is_dir() and bool(parent.stat().st_mode & stat.S_ISVTX)
        place = parent / (f"{name}-{os.geteuid()}" if shared else name)
        why_not = _prepare(place, account)
        if why_not is None:
            return place
        refusals.append(f"{place}: {why_not}")
    raise Refused(
        f"No safe directory for the server's files ({'; '.join(refusals)}).",
        state="Nothing was started.",
        remedy="Make one of them a directory of your own with mode 0755.",
    )


def _prepare(place: Path, account: Account | None) -> str | None:
    """Return why the place will not do, or None once it is there."""
    if not can_enter(place.parent, account):
        return "its parent cannot be reached by the server's user"
    if not all(_safe(parent, sticky_will_do=True) for parent in place.resolve().parents):
        return "another user could replace it"
    try:
        place.mkdir(mode=0o755)
        place.chmod(0o755)  # whatever the umask made of it
    except FileExistsError:
        pass
    except OSError as error:
        return error.strerror or "cannot be created"
    return None if _safe(place, sticky_will_do=False) else "not ours alone"


def _safe(path: Path, *, sticky_will_do: bool) -> bool:
    found = path.lstat()
    ours = found.st_uid in {0, os.geteuid()}
    closed = not found.st_mode & _OTHERS_MAY_WRITE
    sticky = sticky_will_do and bool(found.st_mode & stat.S_ISVTX)
    return stat.S_ISDIR(found.st_mode) and ours and (closed or sticky)
