"""Detect a pooler that gives each transaction another server process.

Behind one, the session's advisory lock would stay on a process that others use, and settings would
leak (trap 67).
"""

from pgtide.errors import Refused
from pgtide.postgres.session import Session, connect


def refuse_pooler(url: str) -> None:
    """Raise Refused where a session's process changes between two transactions."""
    with connect(url, purpose="probe") as first:
        before = _process(first)
        if before == first.pid:
            # The server itself told its pid when we connected: nobody is in between.
            return
        # Take the process that the first session has just given back, and see whether it misses it.
        with connect(url, purpose="probe") as second, second.transaction():
            _process(second)
            after = _process(first)
        if after != before:
            raise Refused(
                "DATABASE_URL leads through a pooler in transaction mode: each transaction gets "
                "another server process.",
                state="Nothing was changed.",
                remedy="Name the server itself, or a pool in session mode.",
            )


def _process(session: Session) -> int:
    return int(session.value("SELECT pg_backend_pid()"))
