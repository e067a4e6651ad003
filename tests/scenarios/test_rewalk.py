"""The walk is corrected by what is measured: a snapshot in mid-backfill makes passes useless."""

from dataclasses import replace

import psycopg
import pytest

from pgtide.backfill import rewalk, walk
from pgtide.events import BatchCommitted, Event, WalkShortened
from tests.driving import migrate, settings_for
from tests.nights import kinds
from tests.small_table import run
from tests.users import create_users, email_migration

SLICES = 24
PINNED = range(4, 12)


class Reporter:
    """Take a snapshot as soon as so many slices are filled, and give it back after some more."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._watch = psycopg.connect(url, autocommit=True)
        self._report = psycopg.connect(url)
        self.pid = self._report.info.backend_pid
        self.shortened: list[WalkShortened] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, WalkShortened):
            self.shortened.append(event)
        if not isinstance(event, BatchCommitted):
            return
        found = self._watch.execute("SELECT count(*) FROM pgtide.slice WHERE state = 'done'")
        done = (found.fetchone() or (0,))[0]
        idle = self._report.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if idle and done in PINNED:
            self._report.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            self._report.execute("SELECT count(*) FROM public.users")
        elif not idle and done not in PINNED:
            self._report.rollback()

    def close(self) -> None:
        self._watch.close()
        self._report.close()


def test_slices_are_walked_once_while_passes_do_not_help_and_several_times_again_after(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_users(database, rows=90_000)
    # An automatic ANALYZE keeps a snapshot as a report does.
    run(database, "ALTER TABLE public.users SET (autovacuum_enabled = off)")
    monkeypatch.setattr(walk, "_SLICES_PER_WORKER", SLICES)
    monkeypatch.setattr(walk, "_SMALL_BLOCKS", 40)
    # Where the table is cut, nothing of it is known yet.
    monkeypatch.setattr(walk, "_HORIZONS", 0.0)
    # However quick the machine.
    monkeypatch.setattr(rewalk, "_OLD", 0.0)
    reporter, alone = Reporter(database), replace(settings_for(database), workers=1)
    try:
        record = migrate(database, email_migration(), emit=reporter, settings=alone)
    finally:
        reporter.close()
    assert record.state == "verified"

    with psycopg.connect(database) as connection:
        walked = connection.execute(
            "SELECT ordinal, cardinality(schedule), rows, hot FROM pgtide.slice"
            " WHERE kind = 'walk' ORDER BY ordinal"
        ).fetchall()
    assert all(hot <= rows for _, _, rows, hot in walked), walked
    passes = {ordinal: count for ordinal, count, _, _ in walked}
    # Two slices have to keep nothing before one is walked once, and the next that tries is 16.
    once = [n for n in passes if passes[n] == 1]
    assert once == [6, 7, 9, 10, 11, 12, 13, 14, 15], walked
    (event,) = reporter.shortened
    assert event.share < 0.25
    (note,) = kinds(database, "walk_shortened")
    assert note["passes"] == event.passes
    # Whoever has kept it for a pass or longer is named.
    assert note["pinned_by"] == event.pinned_by
    assert f"pid {reporter.pid} (" in event.pinned_by
