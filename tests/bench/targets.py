"""Whether batches take the time that is asked for, on narrow and on wide rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Final

from pgtide import AddColumn, Migration
from pgtide.backfill import statements
from pgtide.backfill.crew import Crew
from pgtide.backfill.hands import Hands
from pgtide.backfill.walk import uniform
from pgtide.events import BatchCommitted, Event
from pgtide.ledger import slices
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Cut, Kind
from pgtide.model.state import Phase
from pgtide.phases.forward import forward, opened
from pgtide.postgres.catalog import read_size
from tests.bench.dataset import Dataset
from tests.driving import ACTOR, settings_for
from tests.small_table import run

# Each kind of rows: its name, the width of a text, and the share of the rows asked for.
KINDS: Final = (("narrow", 1, 0.6), ("wide", 900, 0.5))
# A claim of a pass that lasts less tells nothing.
PASS: Final = 5
_ONE: Final = Hands(number=1, why="one worker's batches are measured")
_MIGRATION: Final = Migration(
    id="20260101_000000_targets",
    version="1.0.0",
    description="A column to fill",
    table="public.rows",
    contract_release="1.1.0",
    changes=[AddColumn("twice", type="bigint", backfill="2 * number")],
)
# Milliseconds a batch, passes over the slice, and of how many such batches a pass consists.
_TARGETS: Final = ((10, 2, 30), (50, 2, 24), (200, 1, 7))
# A first slice teaches what a block costs; the others are cut as long as their targets ask.
_LESSON: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One target on one kind of rows; `seconds` is the median of the batches of each try.

    None where the table ended before a pass lasted five targets.
    """

    kind: str
    target: float
    seconds: tuple[float | None, ...]


@dataclass(slots=True)
class _Batches:
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


@dataclass(slots=True)
class _Table:
    """A table that is filled slice by slice."""

    run: Run
    batches: _Batches
    crew: Crew
    filled: int = 0

    def fill(self, blocks: int, *, passes: int, target: float) -> None:
        """Fill so many more blocks at a target, or what is left."""
        run, ordinal = self.run, self.filled
        size = read_size(run.session, run.plan.table_oid)
        end = min(self.filled + blocks, size.blocks)
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

    def tried(self, target: float, passes: int, count: int) -> float | None:
        """Fill a slice whose passes consist of so many batches; return their median seconds."""
        if not self.batches.blocks:
            return None
        known = self.filled
        self.fill(round(count * target / self.batches.cost / passes), passes=passes, target=target)
        if len(self.batches.blocks) < PASS:
            return None
        took = self.batches.cost * (self.filled - known)
        return median(self.batches.seconds) if took >= PASS * target else None


def measure(
    data: Dataset, *, rows: int, rounds: int, say: Callable[[str], None]
) -> tuple[Kept, ...]:
    """Fill a table of each kind at every target, once a round."""
    tries: dict[tuple[str, int], list[float | None]] = {}
    for number in range(rounds):
        for kind, width, share in KINDS:
            template = _made(data, kind, width, round(rows * share))
            with data.copy(template) as url, _expanded(url) as table:
                blocks = read_size(table.run.session, table.run.plan.table_oid).blocks
                table.fill(max(1, round(blocks * _LESSON)), passes=2, target=0.01)
                for milliseconds, passes, count in _TARGETS:
                    seen = table.tried(milliseconds / 1000, passes, count)
                    tries.setdefault((kind, milliseconds), []).append(seen)
            say(f"batch targets, {kind} rows, round {number + 1} of {rounds}")
    return tuple(
        Kept(kind=kind, target=milliseconds / 1000, seconds=tuple(seen))
        for (kind, milliseconds), seen in tries.items()
    )


def _made(data: Dataset, kind: str, width: int, rows: int) -> str:
    def make(url: str) -> None:
        run(
            url,
            "CREATE TABLE public.rows (id bigint PRIMARY KEY, number bigint NOT NULL, text text)",
            f"INSERT INTO public.rows SELECT i, i, repeat('x', {width})"
            f" FROM generate_series(1, {rows}) i",
            # So that a table of moderate size lasts long enough: a row written anew has five
            # entries.
            *(f"CREATE INDEX rows_{n} ON rows ((number + {n}))" for n in range(4)),
            "VACUUM (FREEZE, ANALYZE) public.rows",
        )

    return data.made(f"targets_{kind}_{rows}", make)


@contextmanager
def _expanded(url: str) -> Iterator[_Table]:
    """Hold the migration where its rows are still to be filled."""
    batches = _Batches()
    caller = Caller(actor=ACTOR, emit=batches)
    with opened(settings_for(url), caller, _MIGRATION) as run:
        forward(run, Phase.EXPAND)
        with Crew(run, _ONE) as crew, crew.round(1):
            yield _Table(run=run, batches=batches, crew=crew)
