"""Who runs the server: PostgreSQL refuses to run as root, so root lends it to another account."""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from pgtide.errors import Refused

_CANDIDATES = ("postgres", "nobody")
_READ_AND_ENTER = 0o5
_ENTER = 0o1


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Name the operating system's user that a server of root's runs as."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account that runs the server; None: the current user does."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise Refused(
        "PostgreSQL does not run as root, and this machine has no user `postgres` or `nobody`.",
        state="Nothing was started.",
        remedy="Run pgtide as an ordinary user, or add one of these users.",
    )


def can_enter(path: Path, account: Account | None) -> bool:
    """Tell whether the account gets through every directory down to and including this one."""
    way = [path.resolve(), *path.resolve().parents]
    return all(_allows(each, account, _ENTER) for each in way)


def can_use(path: Path, account: Account | None) -> bool:
    """Tell whether the account may reach the path, and read and execute (or list) it."""
    return can_enter(path.resolve().parent, account) and _allows(path, account, _READ_AND_ENTER)


def _allows(path: Path, account: Account | None, needed: int) -> bool:
    """Read the permission bits as the kernel would for an account without further groups.

    Access lists are not read: where only they grant access, binaries and data are put elsewhere,
    which costs a copy and breaks nothing.
    """
    if account is None:
        return os.access(path, needed)
    try:
        found = path.stat()
    except OSError:
        return False
    if found.st_uid == account.uid:
        granted = found.st_mode >> 6
    elif found.st_gid == account.gid:
        granted = found.st_mode >> 3
    else:
        granted = found.st_mode
    return stat.S_IMODE(granted) & needed == needed


def give(path: Path, account: Account | None) -> None:
    """Make the account the owner of what was just created for it."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
