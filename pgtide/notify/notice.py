"""A notice: one thing that happened to a run, for somebody who is told of it elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What can be told of; docs/notifications.md says when each is."""

    RUN_BEGAN = "run_began"
    UNTOLD = "untold"
    PHASE_DONE = "phase_done"
    HELD = "held"
    LET_GO = "let_go"
    QUARANTINED = "quarantined"
    WAY_BACK_CLOSED = "way_back_closed"
    APPROVAL_NEEDED = "approval_needed"
    # The last one of a run is one of these.
    LOCKS_EXHAUSTED = "locks_exhausted"
    FAILED = "failed"
    REFUSED = "refused"
    MISMATCHED = "mismatched"
    PAUSED = "paused"
    WINDOW_CLOSED = "window_closed"
    INTERRUPTED = "interrupted"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What happened, in what state things are, and what to do; `urgent`: a person must act."""

    kind: Kind
    at: datetime
    what: str
    state: str
    todo: str
    urgent: bool = False
    phase: str | None = None
    # The migration's state, as the ledger last had it.
    stand: str | None = None

    @property
    def text(self) -> str:
        """Return all of it, a line for each part."""
        return f"{self.what}\nState: {self.state}\nTo do: {self.todo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Which migration a run is about, where, by whom, and where to see more.

    A version is None until the ledger or the file has told it.
    """

    id: str
    version: str | None = None
    description: str | None = None
    table: str | None = None
    # Database and server, without anybody's password.
    target: str = ""
    environment: str = ""
    actor: str = ""
    host: str = ""
    link: str | None = None

    @property
    def name(self) -> str:
        """Return what a person types for the migration."""
        return self.version or self.id
