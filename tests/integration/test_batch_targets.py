"""Batches take the time that was asked for, on narrow and on wide rows."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from statistics import median

import psycopg
import pytest

from pgtide import AddColumn, Migration
from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.throttle.wait import unhindered
from pgtide.backfill.walk import uniform
from pgtide.events import BatchCommitted, Event
from pgtide.ledger import slices
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Cut, Kind
from pgtide.model.state import Phase
from pgtide.phases.forward import forward, opened
from pgtide.postgres.catalog import read_size
from tests.driving import ACTOR, settings_for

MIGRATION = Migration(
    id="20260101_000000_targets",
    version="1.0.0",
    description="A column to fill",
    table="public.rows",
    contract_release="1.1.0",
    changes=[AddColumn("twice", type="bigint", backfill="2 * number")],
)
# Milliseconds a batch, passes over the slice, and of how many such batches a pass consists.
TARGETS = ((10, 2, 30), (50, 2, 14), (200, 1, 7))
# A first slice teaches what a block costs; the others are cut as long as their targets ask.
LESSON = 0.02
# So many batches of a single block tell what a batch takes whatever its size. On a machine that is
# busy elsewhere that may be more than a target, and the targets are as much longer.
SMALLEST = 15
ROOM = 4
# Such a machine may also stumble for the length of a slice.
TRIES = 3


@dataclass(slots=True)
class Batches:
    """Seconds and blocks of each batch but the last of a pass."""

    end: int = 0
    seconds: list[float] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.end is not None and event.end != self.end:
            self.seconds.append(event.seconds)
            self.blocks.append(event.end - event.cursor)

    @property
    def cost(self) -> float:
        """Return the seconds that a block takes."""
        return sum(self.seconds) / sum(self.blocks)


def unless_busy(kept: bool, said: str) -> None:  # a verdict, as `assert` takes it
    """Assert it; where more processes want to run than there are cores, skip, loudly."""
    if not kept and os.getloadavg()[0] > (os.cpu_count() or 1):
        pytest.skip(f"BATCH TARGETS NOT JUDGED: this machine is busy elsewhere: {said}")
    assert kept, said


@dataclass(slots=True)
class Table:
    """A table that is filled slice by slice."""

    run: Run
    batches: Batches
    crew: Crew
    filled: int = 0

    def fill(self, blocks: int, *, passes: int, target: float) -> float:
        """Fill so many more blocks at a target; return how long a pass took."""
        run, ordinal, end = self.run, self.filled, self.filled + blocks
        size = read_size(run.session, run.plan.table_oid)
        unless_busy(end <= size.blocks, "the table is too small for this machine")
        one = Cut(
            ordinal=ordinal,
            leaf=run.plan.table_oid,
            filenode=size.filenode,
            first_block=self.filled,
            end_block=end,
            schedule=uniform(passes),
        )
        slices.cut(run.session, run.lease, Kind.WALK, [one], round_=0)
        run.settings = replace(run.settings, batch_target=timedelta(seconds=target))
        self.batches.end, self.batches.seconds, self.batches.blocks = end, [], []
        assert run.plan.backfill is not None
        works = partial(statements.filling, run.plan, run.plan.backfill)
        self.crew.fill(works, [slices.read(run.session, run.lease, Kind.WALK)[-1].id])
        self.filled = end
        return self.batches.cost * blocks


@contextmanager
def expanded(url: str) -> Iterator[Table]:
    """Hold the migration where its rows are still to be filled."""
    batches = Batches()
    caller = Caller(actor=ACTOR, emit=batches)
    with opened(settings_for(url), caller, MIGRATION) as run:
        forward(run, Phase.EXPAND)
        with Crew(run, 1, unhindered) as crew:
            yield Table(run=run, batches=batches, crew=crew)


@pytest.mark.parametrize(
    ("rows", "width"), [pytest.param(400_000, 1, id="narrow"), pytest.param(90_000, 900, id="wide")]
)
def test_the_median_of_batches_is_within_a_fifth_of_the_target(
    database: str, rows: int, width: int
) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.rows (id bigint PRIMARY KEY, number bigint NOT NULL, text text)"
        )
        connection.execute(
            "INSERT INTO public.rows SELECT i, i, repeat('x', %s) FROM generate_series(1, %s) i",
            [width, rows],
        )
        # So that a table of moderate size lasts long enough: a row written anew has five entries.
        for number in range(4):
            connection.execute(f"CREATE INDEX rows_{number} ON rows ((number + {number}))".encode())
        size = connection.execute("SELECT pg_relation_size('rows') / 8192").fetchone()
        assert size is not None
    with expanded(database) as table:
        table.fill(SMALLEST, passes=1, target=1e-4)
        least = ROOM * median(table.batches.seconds)
        table.fill(round(size[0] * LESSON), passes=2, target=max(0.01, least))
        for milliseconds, passes, count in TARGETS:
            target = max(milliseconds / 1000, least)
            seen = [tried(table, target, passes, count)]
            while len(seen) < TRIES and seen[-1] != pytest.approx(target, rel=0.2):
                seen.append(tried(table, target, passes, count))
            kept = seen[-1] == pytest.approx(target, rel=0.2)
            unless_busy(kept, f"batches of {seen} s at a target of {target} s")


def tried(table: Table, target: float, passes: int, count: int) -> float:
    """Fill a slice whose passes consist of so many batches; return the median of their seconds."""
    blocks = round(count * target / table.batches.cost / passes)
    took = table.fill(blocks, passes=passes, target=target)
    # Shorter than five targets, it tells nothing.
    return median(table.batches.seconds) if took >= 5 * target else 0.0
