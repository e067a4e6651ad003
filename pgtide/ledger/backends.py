"""The server processes of a run, written down so that they can be ended by whoever comes after it.

By pid and start: a pid alone may be another's by then.
"""

from typing import Final

from pgtide.errors import ConnectionLost
from pgtide.postgres.activity import terminate, this_backend
from pgtide.postgres.session import Backend, Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


def note(session: Session, run_id: int, purpose: str) -> None:
    """Write this session's server process down."""
    backend = this_backend(session)
    params = {"run": run_id, "pid": backend.pid, "started": backend.started, "purpose": purpose}
    session.execute(_SQL["record_backend"], params)


def end(session: Session, run_id: int, *, purpose: str | None = None) -> None:
    """End a run's server processes, this session's own excepted, and wait until they are gone.

    Only then they cannot commit any more (trap 63). Raises ConnectionLost where one stays.
    """
    for row in session.rows(_SQL["backends_of"], {"run": run_id, "purpose": purpose}):
        backend = Backend(pid=row["pid"], started=row["started"])
        if backend.pid != session.pid and not terminate(session, backend):
            raise ConnectionLost(
                f"The server process {backend.pid} of run {run_id} does not end.",
                state="It may still commit what it is at, so nothing else was begun.",
                remedy="See what it waits for in pg_stat_activity, then run the command again.",
            )
