"""Whether the process of a flow run lives, also before it holds a migration or after that.

While it works, its heartbeat says so. Preflight may read for an hour before there is one: so a
process keeps a lock in its flow run's name, which goes with its session.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Final

from pgtide.errors import PgtideError
from pgtide.ledger.schema import installed
from pgtide.postgres.activity import name_locked, share_name_lock
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")


class Presence:
    """Keep a flow run's lock, best effort: a database that is away has nobody to tell."""

    def __init__(self, settings: Settings, flow_run_id: str) -> None:
        self._settings = settings
        self._id = flow_run_id
        self._session: Session | None = None
        self._locked = False

    def keep(self) -> None:
        """Take the lock where it is not held; to be called again and again, in one thread."""
        with suppress(PgtideError):
            if self._session is None or self._session.lost:
                self._session, self._locked = None, False
                self._session = connect(self._settings.url, purpose=f"flow run {self._id[:8]}")
            if not self._locked:
                self._locked = share_name_lock(self._session, self._id)

    def end(self) -> None:
        """Let the lock go."""
        if self._session is not None:
            self._session.close()


def lives(session: Session, flow_run_id: str, lease: timedelta) -> bool:
    """Tell whether a flow run's process lives: it has a heartbeat, or keeps its lock."""
    where = {"flow_run": flow_run_id, "lease": lease.total_seconds()}
    beats = installed(session) and bool(session.value(_SQL["flow_run_beats"], where))
    return beats or name_locked(session, flow_run_id)
