"""How much room a server's disk has left: seen where it runs on this machine, else told.

PostgreSQL itself cannot be asked.
"""

import os
from pathlib import Path
from typing import Final

from pgtide.model.estimate import Room
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("estimate")


def read_room(session: Session, settings: Settings, *, tablespace: str | None) -> Room:
    """Return the free bytes where a table is; what the operator says goes before what is seen."""
    if settings.disk_free is not None:
        return Room(free_bytes=settings.disk_free, source="PGTIDE_DISK_FREE_MB")
    found = session.row(_SQL["place"]) or {}
    if found["near"] and _alive(found["pid"]):
        free = _free(tablespace or found["directory"])
        if free is not None:
            return Room(free_bytes=free, source="seen on this machine")
    return Room(free_bytes=None, source="not known: PGTIDE_DISK_FREE_MB would tell")


def _alive(pid: int) -> bool:
    # A tunnel or a container answers on a loopback address too, but not with a process of ours.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _free(directory: str | None) -> int | None:
    if directory is None:
        # This role may not read the setting.
        return None
    try:
        found = os.statvfs(Path(directory))
    except OSError:
        return None
    return found.f_bavail * found.f_frsize
