"""Detect a pooler that gives each transaction, or each statement, another server process.

Behind one, the session's advisory lock would stay on a process that others use, and settings would
leak (trap 67).
"""

from pgtide.errors import ConnectionLost, Refused
from pgtide.postgres.session import Session, connect


def refuse_pooler(url: str) -> None:
    """Raise Refused where a session's process changes between two transactions."""
    with connect(url, purpose="probe") as first:
        before = _process(first)
        if before == first.pid:
            # The server itself told its pid when we connected: nobody is in between.
            return
        # Take the process that the first session has just given back, and see whether it misses it.
        with connect(url, purpose="probe") as second:
            if not _misses(first, second, before):
                return
    raise Refused(
        "DATABASE_URL leads through a pooler in transaction or statement mode: each transaction "
        "gets another server process.",
        state="Nothing was changed.",
        remedy="Name the server itself, or a pool in session mode.",
    )


def _misses(first: Session, second: Session, before: int) -> bool:
    try:
        with second.transaction():
            _process(second)
            return _process(first) != before
    except ConnectionLost:
        # In statement mode there is no BEGIN.
        return True


def _process(session: Session) -> int:
    return int(session.value("SELECT pg_backend_pid()"))
