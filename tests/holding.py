"""A backfill at work in a thread, held by what a test's own session keeps locked."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from pgtide.events import Event
from pgtide.ledger.record import Record
from pgtide.model.migration import Migration
from pgtide.model.state import Phase
from pgtide.operate.status import MigrationStatus, status_now
from pgtide.postgres.session import connect
from tests.driving import migrate, settings_for


def told(url: str, migration_id: str) -> MigrationStatus:
    """Return what `pgtide status` says."""
    with connect(url, purpose="test") as looking:
        return status_now(looking, settings_for(url), migration_id)


def waits(url: str, migration_id: str) -> list[str]:
    """Return for what the throttle keeps a migration waiting, in words."""
    waiting = told(url, migration_id).waiting_for
    return [one.text for one in waiting if one.kind == "throttle"]


@contextmanager
def filling(
    url: str, migration: Migration, events: list[Event], *, until: Phase = Phase.VERIFY
) -> Iterator[Future[Record]]:
    """Carry a migration on in a thread, whose end is waited for."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(migrate, url, migration, emit=events.append, until=until)


@contextmanager
def ending(*keepers: psycopg.Connection) -> Iterator[None]:
    """Let go in any case, or who waits for it would do so for good."""
    try:
        yield
    finally:
        for keeper in keepers:
            keeper.execute("COMMIT")
