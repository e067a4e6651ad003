"""Every error that pgtide raises: what happened, in what state things are, what to do.

PgtideError               exit code
├── Refused               2    nothing was changed
│   ├── InvalidSettings
│   ├── InvalidMigration
│   └── Busy                   another live run holds the table
├── Failed                1    recorded; the message says whether to resume or to undo
│   ├── LockNotAcquired
│   ├── Fenced                 a newer run has taken over
│   ├── ConnectionLost
│   └── StatementFailed
├── Waiting               3    paused by an operator
│   ├── AwaitingApproval       a person has to decide first
│   └── WindowClosed           outside of the hours it may be at work in
├── Mismatched            4    verification found mismatches
└── Interrupted           130  stopped by a signal, checkpointed
"""

from typing import ClassVar


class PgtideError(Exception):
    """Say what happened, in what state things are, and what to do."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"
    # What happened, without statements and texts of others, which may hold row data: for wherever
    # more people read than may see the table. None: `what` holds nothing of the kind.
    abroad: str | None = None

    def __init__(self, what: str, *, state: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.state = state
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.state} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Prefect pickles exceptions on their way between processes; keyword arguments need help.
        return (_rebuild, (type(self), self.what, self.state, self.remedy))


def _rebuild(kind: type[PgtideError], what: str, state: str, remedy: str) -> PgtideError:
    return kind(what, state=state, remedy=remedy)


class Refused(PgtideError):
    """Refuse before anything was changed."""

    exit_code = 2
    code = "refused"


class InvalidSettings(Refused):
    """Refuse settings; the message lists every bad one."""

    code = "invalid_settings"


class InvalidMigration(Refused):
    """Refuse a migration file or its declaration."""

    code = "invalid_migration"


class Busy(Refused):
    """Refuse because another live run holds the table; the message names it."""

    code = "busy"


class Failed(PgtideError):
    """Fail; what was committed before stays and is recorded."""


class LockNotAcquired(Failed):
    """Give up on a lock after bounded tries; the message names the blockers.

    Also with what they run: `abroad` names them without.
    """

    code = "lock_not_acquired"

    def __init__(self, what: str, *, state: str, remedy: str, abroad: str = "") -> None:
        super().__init__(what, state=state, remedy=remedy)
        self.abroad = abroad or "A lock was not to be had within all tries."


class Fenced(Failed):
    """Stop because a newer run has taken over."""

    code = "fenced"


class ConnectionLost(Failed):
    """Lose the connection to the database; whether the last commit arrived must be read again."""

    code = "connection_lost"


class StatementFailed(Failed):
    """Fail because the server refused a statement; carries its SQLSTATE."""

    code = "statement_failed"

    def __init__(self, what: str, *, state: str, remedy: str, sqlstate: str = "") -> None:
        super().__init__(what, state=state, remedy=remedy)
        self.sqlstate = sqlstate


class Waiting(PgtideError):
    """End cleanly because an operator holds the migration."""

    exit_code = 3
    code = "waiting"


class AwaitingApproval(Waiting):
    """End cleanly at a gate: a person has to decide before the next phase."""


class WindowClosed(Waiting):
    """End cleanly because the migration's window is closed, or closes too soon; it opens again."""

    code = "window_closed"


class Mismatched(PgtideError):
    """Report rows that verification found out of step."""

    exit_code = 4
    code = "mismatched"


class Interrupted(PgtideError):
    """End because of a signal, after the last batch was checkpointed."""

    exit_code = 130
    code = "interrupted"
