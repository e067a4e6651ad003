"""When the bench says that a claim about the backfill is kept, from the figures alone."""

from dataclasses import replace

import pytest

from tests.bench import backfill_gates, kill_gates, scaling_gates, table_gates
from tests.bench.backfill import Compared, Figures
from tests.bench.contender import Contender
from tests.bench.contenders import (
    BY_ITSELF,
    FOR_TIME,
    ONE_UPDATE,
    ONE_WORKER,
    PGTIDE,
    TWO_WORKERS,
)
from tests.bench.gate import Gate
from tests.bench.kills import Killed
from tests.bench.load import Waits
from tests.bench.scaling import Scaled
from tests.bench.walked import Walked
from tests.scenarios.killed_often import Survived

MB = 1_000_000
ALL = (*PGTIDE, BY_ITSELF)
IDLE = Waits(p50_ms=1.0, p99_ms=4.0, max_ms=20.0, failures=0, per_second=240.0)
# What one UPDATE is like, as measured.
PEER = Figures(
    contender=ONE_UPDATE.name,
    rows=1_000_000,
    seconds=10.0,
    table_bytes_before=170 * MB,
    table_bytes_after=340 * MB,
    table_bytes_minimal=190 * MB,
    index_bytes_before=100 * MB,
    index_bytes_after=200 * MB,
    wal_bytes=400 * MB,
    hot_share=0.0,
    app_p50_ms=None,
    app_p99_ms=None,
    app_max_ms=None,
    app_failures=None,
)
OURS = replace(
    PEER,
    seconds=5.0,
    table_bytes_after=200 * MB,
    index_bytes_after=110 * MB,
    wal_bytes=200 * MB,
)


def compared(ours: Figures = OURS, waits: Waits = IDLE) -> Compared:
    """Return a race in which all of pgtide's contenders did alike."""
    named = [replace(ours, contender=one.name) for one in ALL]
    return Compared(
        table="strategy",
        figures=(PEER, *named),
        tries={},
        waits={one.name: waits for one in ALL},
        idle=IDLE,
    )


def broken(gates: tuple[Gate, ...]) -> list[str]:
    return [gate.claim for gate in gates if not gate.kept]


def test_a_backfill_as_it_is_meant_to_be_keeps_every_claim() -> None:
    gates = backfill_gates.gates(compared(), full_pages=True)
    assert broken(gates) == []
    # Of FOR_TIME nothing is claimed of the log; the p99 is claimed where a core is left.
    assert len(gates) == len(ALL) * 8 - 3


@pytest.mark.parametrize(
    ("change", "words", "by"),
    [
        ({"seconds": 6.0}, "time", (FOR_TIME,)),
        ({"seconds": 7.1}, "time", (TWO_WORKERS, FOR_TIME, BY_ITSELF)),
        ({"seconds": 12.1}, "time", (ONE_WORKER, TWO_WORKERS, FOR_TIME, BY_ITSELF)),
        ({"table_bytes_after": 215 * MB}, "table", (ONE_WORKER, TWO_WORKERS, BY_ITSELF)),
        ({"table_bytes_after": 220 * MB}, "table", (ONE_WORKER, TWO_WORKERS, FOR_TIME, BY_ITSELF)),
        ({"index_bytes_after": 126 * MB}, "indexes", (ONE_WORKER, TWO_WORKERS, BY_ITSELF)),
        (
            {"index_bytes_after": 181 * MB},
            "indexes",
            (ONE_WORKER, TWO_WORKERS, FOR_TIME, BY_ITSELF),
        ),
        ({"wal_bytes": 301 * MB}, "WAL", (ONE_WORKER, TWO_WORKERS, BY_ITSELF)),
    ],
)
def test_each_limit_is_that_of_its_contender(
    change: dict[str, float], words: str, by: tuple[object, ...]
) -> None:
    ours = replace(OURS, **change)  # type: ignore[arg-type]  # the names are a dataclass's fields
    found = broken(backfill_gates.gates(compared(ours), full_pages=True))
    assert len(found) == len(by)
    names = [getattr(one, "name", "") for one in by]
    assert all(
        claim.startswith(f"{name}: {words}") for claim, name in zip(found, names, strict=True)
    )


def test_without_images_of_whole_pages_the_log_has_a_narrower_limit() -> None:
    ours = replace(OURS, wal_bytes=250 * MB)
    assert broken(backfill_gates.wal_gates(compared(ours), full_pages=True)) == []
    assert len(broken(backfill_gates.wal_gates(compared(ours), full_pages=False))) == 2


@pytest.mark.parametrize(
    ("waits", "words", "by"),
    [
        (replace(IDLE, p99_ms=12.1), "p99", (ONE_WORKER, BY_ITSELF)),
        (replace(IDLE, max_ms=121.0), "longest wait", ALL),
        (replace(IDLE, failures=1), "fails", ALL),
        (replace(IDLE, per_second=199.0), "a second", ALL),
        # What was not measured is not kept.
        (replace(IDLE, p99_ms=None), "p99", (ONE_WORKER, BY_ITSELF)),
        (replace(IDLE, max_ms=None), "longest wait", ALL),
    ],
)
def test_what_the_application_waits_is_held_against_what_it_waits_by_itself(
    waits: Waits, words: str, by: tuple[Contender, ...]
) -> None:
    found = broken(backfill_gates.gates(compared(waits=waits), full_pages=True))
    assert [claim.partition(":")[0] for claim in found] == [one.name for one in by]
    assert all(words in claim for claim in found)


def test_on_another_table_it_is_hardly_slower_and_leaves_no_more_of_it() -> None:
    assert broken(table_gates.gates(compared(replace(OURS, seconds=11.0)))) == []
    assert len(broken(table_gates.gates(compared(replace(OURS, seconds=11.1))))) == 1
    larger = replace(OURS, table_bytes_after=343 * MB)
    assert len(broken(table_gates.gates(compared(larger)))) == 1


def test_a_run_that_does_not_say_what_pins_the_horizon_breaks_a_claim() -> None:
    told = {ONE_UPDATE.name: [False], TWO_WORKERS.name: [True, True]}
    assert broken(table_gates.pinned_gates(compared(), told)) == []
    untold = {**told, TWO_WORKERS.name: [True, False]}
    assert len(broken(table_gates.pinned_gates(compared(), untold))) == 1
    assert len(broken(table_gates.pinned_gates(compared(), {}))) == 1


def scaled(rows: int, seconds: float, growth: int = 0) -> Scaled:
    process = Walked(seconds=seconds, first_bytes=70 * MB, most_bytes=70 * MB + growth)
    return Scaled(contender=TWO_WORKERS.name, rows=rows, tries=(seconds,), process=process)


def test_a_row_of_a_big_table_may_cost_a_little_more_and_memory_stays() -> None:
    small = scaled(300_000, 1.0)
    assert broken(scaling_gates.gates([small, scaled(10_000_000, 38.0)])) == []
    assert len(broken(scaling_gates.gates([small, scaled(10_000_000, 38.5)]))) == 1
    assert len(broken(scaling_gates.gates([small, scaled(10_000_000, 30.0, growth=61 * MB)]))) == 1
    assert broken(scaling_gates.gates([small, scaled(10_000_000, 30.0, growth=60 * MB)])) == []


@pytest.mark.parametrize(
    ("kills", "problems", "differences", "words"),
    [
        (49, (), (), "is killed 50 times"),
        (50, ("repeated: a batch",), (), "repeated"),
        (50, ("slice 3: 2 rows missing",), (), "its end"),
        (50, (), ("rows: another hash",), "its end"),
    ],
)
def test_a_kill_that_did_not_come_and_all_that_is_wrong_afterwards_break_a_claim(
    kills: int, problems: tuple[str, ...], differences: tuple[str, ...], words: str
) -> None:
    well = Killed(
        rows=1_000_000,
        wanted=50,
        seed=1,
        survived=Survived(kills=50, batches=300, problems=()),
        differences=(),
    )
    assert broken(kill_gates.gates(well)) == []
    survived = Survived(kills=kills, batches=300, problems=problems)
    [claim] = broken(kill_gates.gates(replace(well, survived=survived, differences=differences)))
    assert words in claim
