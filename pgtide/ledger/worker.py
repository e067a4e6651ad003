"""A worker: a pair of hands at a run's slices, with a session of its own.

It is written down in the ledger, where its process's heartbeat is its lease on the slices that it
has claimed. What it writes carries the run's token and its own number.
"""

import os
import socket
from collections.abc import Callable
from typing import Final

from pgtide.clock import Clock
from pgtide.errors import ConnectionLost
from pgtide.events import Event
from pgtide.ledger import backends
from pgtide.ledger.lease import Lease
from pgtide.ledger.run import Run
from pgtide.model.plan import Plan
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")


class Worker:
    """Work for a run, in a thread of its own; `check` also raises what the crew stops for.

    The batches of a `durable` one wait until their log is on this server's disk: on a disk that is
    slower than the worker, whoever commits next would wait for all that it has left behind.
    """

    def __init__(self, run: Run, number: int, check: Callable[[], None]) -> None:
        self.run = run
        self._check = check
        self.id = number
        self.durable = True
        self.session: Session = run.open(self._purpose)

    @property
    def commits(self) -> dict[str, str]:
        """Return the settings under which a batch commits."""
        return {"synchronous_commit": "local"} if self.durable else {}

    @property
    def settings(self) -> Settings:
        """Return the run's settings."""
        return self.run.settings

    @property
    def plan(self) -> Plan:
        """Return the run's plan."""
        return self.run.plan

    @property
    def lease(self) -> Lease:
        """Return the run's right to write."""
        return self.run.lease

    @property
    def clock(self) -> Clock:
        """Return the run's clock."""
        return self.run.clock

    def emit(self, event: Event) -> None:
        """Tell what happened, one worker at a time."""
        self.run.emit(event)

    def check(self) -> None:
        """Raise where the work must end."""
        self.run.check()
        self._check()

    def reconnect(self) -> None:
        """Replace a lost session; raises Fenced where a newer run has taken over meanwhile.

        The old server process is ended first, so that it cannot commit any more.
        """
        self.session.close()
        self.session = self.run.open(self._purpose)
        backends.end(self.session, self.lease.run_id, purpose=self._purpose)

    def end(self) -> None:
        """Go, and give back what is not done."""
        try:
            self._go()
        except ConnectionLost:
            # Lost while it was idle: a worker that never ended would keep its slices for good.
            self.reconnect()
            self._go()
        self.session.close()

    def _go(self) -> None:
        self.session.execute(_SQL["end_worker"], {"worker": self.id}, doing="ending a worker")

    @property
    def _purpose(self) -> str:
        return purpose(self.lease, self.id)


def begin(session: Session, lease: Lease) -> int:
    """Write a worker of this process down; return its number."""
    who = {"run": lease.run_id, "host": socket.gethostname(), "pid": os.getpid()}
    # A crash must not forget whose claims there are.
    with session.transaction(settings={"synchronous_commit": "on"}):
        return int(session.value(_SQL["begin_worker"], who, doing="beginning a worker"))


def session_name(lease: Lease, worker_id: int | None = None) -> str:
    """Return what pg_stat_activity calls a worker's session, or what it calls all begin with."""
    return f"pgtide {purpose(lease, worker_id)}"


def purpose(lease: Lease, worker_id: int | None = None) -> str:
    """Return what a worker's session is for: its name in pg_stat_activity, and in the ledger.

    Without a number, what those of all workers of a run begin with.
    """
    return f"worker {lease.run_id}." if worker_id is None else f"worker {lease.run_id}.{worker_id}"
