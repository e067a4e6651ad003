"""A run: one process at work on one migration, with a lock on the table, a token, and a heart.

The session's advisory lock keeps a second run out; the token fences a run that was taken over while
it slept; the heartbeat tells which of the two it is. All three are in the target database.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from pgtide.clock import SYSTEM_CLOCK, Clock
from pgtide.errors import AwaitingApproval, Busy, Fenced, Interrupted, PgtideError, Waiting
from pgtide.events import Event, Listener, RunBegan, RunEnded, silence
from pgtide.ledger import audit, backends
from pgtide.ledger.heart import Heart
from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record, fenced, find
from pgtide.model.plan import Plan
from pgtide.postgres.activity import try_table_lock
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")
# A killed client's server process needs a moment to notice; a second run that comes at once waits
# for that long.
_GRACE: Final = timedelta(seconds=2)
_POLL: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who runs and listens, what stops it, and what does not: `hurry` is a reason not to wait."""

    actor: str
    flow_run_id: str | None = None
    emit: Listener = silence
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Clock = SYSTEM_CLOCK
    heeds_hold: bool = True
    hurry: str | None = None
    accepts_excess: bool = False
    starts_over: bool = True


class Run:
    """Work on one migration: its plan, its lease, and a session to work on."""

    def __init__(
        self,
        *,
        settings: Settings,
        caller: Caller,
        plan: Plan,
        lease: Lease,
        session: Session,
        heart: Heart,
    ) -> None:
        self.settings = settings
        self.plan = plan
        self.lease = lease
        self.session = session
        self.caller = caller
        self._speaking = threading.RLock()
        self.clock = caller.clock
        self._stop = caller.stop
        self.heart = heart

    def emit(self, event: Event) -> None:
        """Tell the caller what happened; its listener hears one worker at a time."""
        with self._speaking:
            self.caller.emit(event)

    def check(self) -> None:
        """Raise where the run must end: interrupted, held by an operator, or taken over."""
        if self._stop.is_set():
            raise Interrupted(
                f"{self.plan.migration_id} was interrupted.",
                state="The last batch is checkpointed.",
                remedy="Run `pgtide up` to go on from there.",
            )
        self.heart.check()

    def ask_to_stop(self) -> None:
        """Make every later check raise Interrupted."""
        self._stop.set()

    @property
    def record(self) -> Record:
        """Read the migration's record."""
        found = find(self.session, self.lease.migration_id)
        if found is None:
            raise Fenced(
                f"The ledger does not know {self.lease.migration_id} any more.",
                state="Somebody removed its row.",
                remedy="Restore the schema pgtide from a backup.",
            )
        return found

    @contextmanager
    def cancellable(self) -> Iterator[None]:
        """Let a stop cancel the statement that runs inside.

        For long ones that leave no row locked.
        """
        with self.heart.watching(self.session, self._stop):
            yield

    def reconnect(self) -> None:
        """Replace a lost session; raises Fenced where a newer run has taken over meanwhile.

        The old server process is ended first, so that it cannot commit any more.
        """
        self.session.close()
        self.session = self.open(self._purpose)
        backends.end(self.session, self.lease.run_id, purpose=self._purpose)

    def open(self, purpose: str) -> Session:
        """Open a session that works for this run; raises Fenced where it is over."""
        return open_session(self.settings, self.lease, purpose)

    @property
    def _purpose(self) -> str:
        return f"worker {self.lease.run_id}"


@contextmanager
def holding(settings: Settings, caller: Caller, record: Record) -> Iterator[Run]:
    """Hold a migration for as long as the block runs; raises Busy, naming the holder.

    A run that died is taken over: its server processes are ended, and the token is raised.
    """
    run, taken_over = _begun(settings, caller, record)
    caller.emit(
        RunBegan(
            migration_id=record.id,
            run_id=run.lease.run_id,
            token=run.lease.token,
            taken_over=taken_over,
        )
    )
    outcome = "ended"
    try:
        with run.heart:
            yield run
    except BaseException as error:
        run.ask_to_stop()
        outcome = _outcome(error)
        raise
    finally:
        _end(settings, run, outcome)
        run.session.close()
        run.heart.close()
        caller.emit(RunEnded(migration_id=record.id, outcome=outcome))


def _begun(settings: Settings, caller: Caller, record: Record) -> tuple[Run, str | None]:
    """Return a run that holds the table, and the name of the run that it found dead."""
    lock = connect(settings.url, purpose=f"lock {record.id}")
    try:
        _wait_for_lock(lock, settings, caller.clock, record)
        lease, taken_over = _take(lock, caller, record)
        heart = Heart(
            settings,
            lease,
            lock,
            oid=record.table_oid,
            heeds_hold=caller.heeds_hold,
            clock=caller.clock,
        )
        run = Run(
            settings=settings,
            caller=caller,
            plan=record.plan,
            lease=lease,
            session=open_session(settings, lease, f"worker {lease.run_id}"),
            heart=heart,
        )
    except BaseException:
        lock.close()
        raise
    return run, taken_over


def open_session(settings: Settings, lease: Lease, purpose: str) -> Session:
    """Open a session that works for a run, and write it down; raises Fenced where it is over."""
    session = connect(settings.url, purpose=purpose)
    try:
        _introduce(session, lease, purpose)
    except BaseException:
        session.close()
        raise
    return session


def _introduce(session: Session, lease: Lease, purpose: str) -> None:
    # A crash loses a batch and its checkpoint together, or neither: waiting for the disk buys this
    # run nothing. Where it is waited for, that is for others.
    session.configure({"synchronous_commit": "off"}, local=False)
    if session.row(_SQL["lives"], {"run": lease.run_id}) is None:
        raise fenced(lease)
    backends.note(session, lease.run_id, purpose)


def _wait_for_lock(lock: Session, settings: Settings, clock: Clock, record: Record) -> None:
    deadline = clock.monotonic() + _GRACE.total_seconds()
    ended = False
    while not try_table_lock(lock, record.table_oid):
        holders = lock.rows(_SQL["live_runs"], {"oid": record.table_oid})
        silent = [row for row in holders if row["silent_seconds"] > settings.lease.total_seconds()]
        if holders and len(silent) == len(holders) and not ended:
            for row in silent:
                backends.end(lock, row["id"])
            deadline, ended = clock.monotonic() + _GRACE.total_seconds(), True
        elif clock.monotonic() > deadline:
            raise _busy(record, holders[0] if holders else None)
        clock.sleep(_POLL)


def _take(lock: Session, caller: Caller, record: Record) -> tuple[Lease, str | None]:
    dead = lock.rows(_SQL["live_runs"], {"oid": record.table_oid})
    for row in dead:
        backends.end(lock, row["id"])
    with lock.transaction(settings={"synchronous_commit": "on"}):
        taken = lock.rows(
            _SQL["raise_token"], {"id": record.id}, doing="taking the migration over"
        )[0]
        where = {"id": record.id, "token": taken["token"]}
        lock.execute(_SQL["raise_slice_tokens"], where, doing="fencing the run before")
        for row in dead:
            lock.execute(_SQL["end_run"], {"run": row["id"], "outcome": "lost"})
        run_id = lock.value(
            _SQL["begin_run"],
            {
                **where,
                "attempt": taken["attempt"],
                "actor": caller.actor,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "flow_run_id": caller.flow_run_id,
            },
        )
        lease = Lease(
            migration_id=record.id,
            run_id=run_id,
            token=taken["token"],
            attempt=taken["attempt"],
            actor=caller.actor,
        )
        name = _name(dead[0]) if dead else None
        audit.note(lock, lease, "run_began", taken_over=name)
        backends.note(lock, run_id, "lock")
    return lease, name


def _end(settings: Settings, run: Run, outcome: str) -> None:
    # Best effort: whoever comes next finds a silent run and takes it over.
    with suppress(PgtideError):
        if run.session.lost:
            run.session = connect(settings.url, purpose="closing")
        run.session.execute(_SQL["end_run"], {"run": run.lease.run_id, "outcome": outcome})


def _outcome(error: BaseException) -> str:
    match error:
        case AwaitingApproval():
            return "waiting"
        case Waiting():
            return "paused"
        case PgtideError():
            return error.code
        case Exception():
            return "failed"
        case _:  # Ctrl-C, and what an orchestrator raises to end a run: an order, no mistake
            return "interrupted"


def _name(row: dict[str, object]) -> str:
    return (
        f"run {row['id']} of {row['migration_id']} by {row['actor']} on {row['host']} (pid "
        f"{row['pid']})"
    )


def _busy(record: Record, holder: dict[str, object] | None) -> Busy:
    who = (
        f"{_name(holder)}, begun {holder['started_at']:%Y-%m-%d %H:%M:%S} UTC"
        if holder
        else "another session"
    )
    return Busy(
        f"{record.table} is held by {who}.",
        state="It is at work; nothing was changed by this command.",
        remedy="Let it work, watch it with `pgtide status`, or stop it with `pgtide pause`.",
    )
