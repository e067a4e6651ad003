"""A valve on a real server: a migration that is expanded, held by a run, and watched."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar

import psycopg

from pgtide import AddColumn
from pgtide.backfill.throttle.opened import valve_of
from pgtide.backfill.throttle.valve import Valve
from pgtide.ledger import throttled
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.throttled import Throttled
from pgtide.model.state import Phase
from pgtide.model.throttle import Throttle
from pgtide.phases.forward import forward, opened
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.driving import ACTOR, settings_for
from tests.small_table import SMALL_ID, create_small, small_migration

# Everything off: a test names the one signal that it is about.
NOTHING = Throttle(
    replica_lag=None,
    replica_bytes=None,
    archive_ready=None,
    slot_bytes=None,
    vacuum=None,
    horizon=None,
    lock_waiters=None,
    connections=None,
    disk_free=None,
)
# Longer than any condition takes to come or to go on a busy machine.
_PATIENCE = 20.0
_POLL = 0.02
_Seen = TypeVar("_Seen")


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A valve at work, and the run that it belongs to."""

    url: str
    run: Run
    valve: Valve

    def holds(self, signal: str, saying: str = "") -> Throttled:
        """Wait until a signal holds and says so; return what the ledger says of it."""
        held = wait_for(lambda: self._held(signal, saying), f"{signal} to hold")
        assert self.valve.held() is not None
        return held[0]

    def goes_on(self) -> None:
        """Wait until nothing holds any more, here and in the ledger."""
        wait_for(lambda: self.valve.held() is None, "the backfill to go on")
        wait_for(lambda: not any(one.held_since for one in self._read()), "the ledger to say so")

    def _held(self, signal: str, saying: str) -> list[Throttled]:
        return [
            one
            for one in self._read()
            if one.signal == signal and one.held_since and saying in one.reason
        ]

    def _read(self) -> list[Throttled]:
        with connect(self.url, purpose="test") as session:
            return throttled.read(session, SMALL_ID, fresh=5)


def quick(url: str) -> Settings:
    """Return settings under which signals are looked at twenty times a second."""
    return replace(
        settings_for(url),
        throttle_every=timedelta(milliseconds=50),
        heartbeat=timedelta(milliseconds=100),
    )


@contextmanager
def ready(url: str, settings: Settings | None = None) -> Iterator[Run]:
    """Hold a small table's migration, expanded and ready to be filled."""
    change = AddColumn("b", type="int", backfill="a", verify="b = a")
    chosen = settings or quick(url)
    with opened(chosen, Caller(actor=ACTOR), small_migration(change)) as run:
        forward(run, Phase.EXPAND)
        yield run


@contextmanager
def watched(
    url: str, throttle: Throttle, settings: Settings | None = None, admin: str | None = None
) -> Iterator[Watched]:
    """Watch that migration; the first look at its signals is over."""
    with ready(url, settings) as run, valve_of(run, throttle) as valve:
        wait_for(lambda: not str(valve.held()).startswith("no look"), "the first look")
        yield Watched(url=admin or url, run=run, valve=valve)


def small(url: str) -> str:
    """Create the small table and return the database's address."""
    create_small(url)
    return url


def wait_for(look: Callable[[], _Seen], what: str) -> _Seen:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + _PATIENCE
    while not (seen := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(_POLL)
    return seen


@contextmanager
def session(url: str, *statements: str) -> Iterator[psycopg.Connection]:
    """Open a session of the application's, run statements, and leave it as they leave it."""
    with psycopg.connect(url, autocommit=True, application_name="shop") as connection:
        for statement in statements:
            connection.execute(statement.encode())
        yield connection
