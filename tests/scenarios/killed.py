"""A process that drives the engine and ends itself with a signal at an event, as a machine would.

Says every event on standard output, and each batch, before it begins, on a connection of its own
to another database: that record outlives whatever is killed.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Literal

import psycopg

from pgtide.backfill import walk
from pgtide.errors import PgtideError
from pgtide.events import BatchBegan, Event
from pgtide.ledger.joined import joined
from pgtide.ledger.record import find
from pgtide.ledger.run import Caller
from pgtide.model.backfill import Backfill
from pgtide.model.migration import Migration
from pgtide.model.state import Phase, State
from pgtide.phases.backward import undo
from pgtide.phases.begun import begun, recorded
from pgtide.phases.contract import Contracting, contract
from pgtide.phases.forward import forward, opened
from pgtide.phases.join import join
from pgtide.phases.purge import Purging, purge
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.later import HURRY, RELEASE
from tests.parted import orders_migration
from tests.small_table import releasing_migration
from tests.users import email_migration

BEGAN = """
CREATE TABLE IF NOT EXISTS began
    (id bigserial, run text, slice_id bigint, kind text, pass int, cursor bigint)
"""
_INSERT = "INSERT INTO began (run, slice_id, kind, pass, cursor) VALUES (%s, %s, %s, %s, %s)"


_UNTIL_STOPPED = 0.5


# `back` undoes contract, and contract only.
# `back_up` goes as far as the backup, `join` helps with what another process has begun.
Action = Literal["up", "back_up", "down", "contract", "purge", "back", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the process is to do; `at` None lets it come to its end."""

    url: str
    action: Action = "up"
    actor: str = "tester"
    at: str | None = None
    nth: int = 1
    signal: int = signal.SIGKILL
    witness: str | None = None
    run: str = ""
    batch_ms: float = 50.0
    heartbeat_ms: float = 1000.0
    lease_ms: float = 10_000.0
    lock_tries: int = 30
    workers: int = 1
    # How long, in seconds, one that joins waits for a run to join.
    patience: float = 0.0
    backups: str = ".pgtide/backups"
    # Small, so that a table of ten thousand rows has several slices and passes.
    slice_blocks: int = 60
    passes: int = 4
    pause_ms: float = 0.0
    # Whether to begin where the estimate warns, and not to look at the disk meanwhile.
    reckless: bool = False
    # The partitioned table's migration, in the place of the strategy's.
    parted: bool = False
    # Along the table's key, and not from page to page.
    keyed: bool = False
    # In its place a small table's, whose contract lets a column be NULL.
    releasing: bool = False

    @property
    def migration(self) -> Migration:
        if self.releasing:
            return releasing_migration()
        found = orders_migration() if self.parted else email_migration()
        return replace(found, backfill=Backfill(walk="key")) if self.keyed else found

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def label(event: Event) -> str:
    """Return an event's name, with what makes it one of its kind; batches are only counted."""
    parts = (getattr(event, name, None) for name in ("step", "ordinal", "phase", "part"))
    name = type(event).__name__
    if name.startswith("Batch"):
        return name
    return ":".join((name, *(str(part) for part in parts if part is not None)))


class Listener:
    """Say every event; send the signal to this process at the one that the order names."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._seen: Counter[str] = Counter()
        self._pause = threading.Event()
        self._witness = (
            psycopg.connect(order.witness, autocommit=True) if order.witness is not None else None
        )

    def __call__(self, event: Event) -> None:
        name = label(event)
        self._seen[name] += 1
        if isinstance(event, BatchBegan) and self._witness is not None:
            place = (event.slice_id, event.kind, event.step, event.cursor)
            self._witness.execute(_INSERT, (self._order.run, *place))
        print(name, flush=True)
        if name == self._order.at and self._seen[name] == self._order.nth:
            os.kill(os.getpid(), self._order.signal)
            # It stops all threads a moment later, and this one must not have gone on by then.
            time.sleep(_UNTIL_STOPPED)
        if isinstance(event, BatchBegan):
            self._pause.wait(self._order.pause_ms / 1000)

    def close(self) -> None:
        if self._witness is not None:
            self._witness.close()


def main(text: str) -> int:
    """Carry out an order, given as JSON; return the exit code that a command would have."""
    order = Order(**json.loads(text))
    walk._SLICE_BLOCKS = walk._SMALL_BLOCKS = order.slice_blocks  # type: ignore[misc]
    walk._PASSES, walk._HORIZONS = order.passes, 0.0  # type: ignore[misc]
    listener, stop = Listener(order), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, partial(_stop, stop))
    try:
        caller = Caller(actor=order.actor, emit=listener, stop=stop, accepts_excess=order.reckless)
        _act(order, caller)
    except PgtideError as error:
        print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
        return error.exit_code
    finally:
        listener.close()
    return 0


def _stop(stop: threading.Event, number: int, frame: FrameType | None) -> None:
    del number, frame
    stop.set()


def _act(order: Order, caller: Caller) -> None:
    settings = Settings(
        database_url=order.url,
        actor=order.actor,
        backup_first=order.action == "back_up",
        batch_target=timedelta(milliseconds=order.batch_ms),
        heartbeat=timedelta(milliseconds=order.heartbeat_ms),
        lease=timedelta(milliseconds=order.lease_ms),
        lock_tries=order.lock_tries,
        workers=order.workers,
        backups_dir=Path(order.backups),
        throttle_off=frozenset({"disk_free"} if order.reckless else ()),
    )
    actions: dict[str, Callable[[Settings, Caller, Migration], None]] = {
        "up": _up,
        "back_up": partial(_up, until=Phase.BACKUP),
        "down": _down,
        "back": partial(_down, to=State.VERIFIED),
        "contract": _contract,
        "join": partial(_join, patience=order.patience),
        "purge": _purge,
    }
    actions[order.action](settings, caller, order.migration)


def _join(settings: Settings, caller: Caller, migration: Migration, *, patience: float) -> None:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline and not _filling(settings, migration):
        time.sleep(0.02)
    with connect(settings.url, purpose="test") as session:
        record = find(session, migration.id)
    assert record is not None, "nothing has begun"
    with joined(settings, caller, record) as run:
        join(run)


def _filling(settings: Settings, migration: Migration) -> bool:
    with connect(settings.url, purpose="test") as session:
        record = find(session, migration.id)
    return record is not None and record.state is State.BACKFILLING


def _up(
    settings: Settings, caller: Caller, migration: Migration, *, until: Phase = Phase.VERIFY
) -> None:
    with opened(settings, caller, migration) as run:
        forward(run, until)


def _down(
    settings: Settings, caller: Caller, migration: Migration, *, to: State = State.ROLLED_BACK
) -> None:
    undo(settings, caller, recorded(settings, migration.id), to=to)


def _contract(settings: Settings, caller: Caller, migration: Migration) -> None:
    with begun(settings, caller, recorded(settings, migration.id)) as run:
        contract(run, Contracting(release=RELEASE, hurry=HURRY))


def _purge(settings: Settings, caller: Caller, migration: Migration) -> None:
    with begun(settings, caller, recorded(settings, migration.id)) as run:
        purge(run, Purging(hurry=HURRY))
