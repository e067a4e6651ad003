"""From a sample to a whole table: ranges that hold what they were measured from."""

from dataclasses import replace

import pytest

from pgtide.backfill.estimate import Measured, Terms, reckon
from pgtide.model.estimate import Estimate, Room, excesses
from pgtide.postgres.sample import Sample, ServerFacts, Sizes, TableFacts

PAGE = 8192
ROOM = Room(free_bytes=None, source="not known")
TERMS = Terms(backup_first=False, tried_here=True, compressed=True, workers=1)
TABLE = TableFacts(
    blocks=100_000,
    rows_per_block=50.0,
    toast_bytes=0,
    index_bytes=200_000_000,
    indexes=2,
    fillfactor=100,
    toast_tuple_target=None,
    tablespace=None,
    total_bytes=1_019_200_000,
)
SERVER = ServerFacts(
    block_bytes=PAGE,
    full_pages=False,
    kept_wal_bytes=1_000_000_000,
    checkpoint_seconds=300.0,
    keeps_all_wal=False,
)
# 3,200 rows of 64 places, each of which grows by a quarter.
SAMPLE = Sample(
    places=((50, 1),) * 64,
    text_bytes=400_000,
    copy_seconds=0.01,
    before=Sizes(heap=64 * PAGE, toast=0, indexes=16 * PAGE),
    after=Sizes(heap=144 * PAGE, toast=0, indexes=32 * PAGE),
    filled=3_200,
    fill_seconds=0.032,
    built_bytes=8 * PAGE,
    build_seconds=0.003,
    failing=0,
    why="",
)
MEASURED = Measured(sample=SAMPLE, table=TABLE, server=SERVER)


def reckoned(measured: Measured = MEASURED, terms: Terms = TERMS, room: Room = ROOM) -> Estimate:
    return reckon(measured, terms, room)


def test_the_sample_stands_for_the_whole_table() -> None:
    found = reckoned()
    assert found.rows.low < 5_000_000 < found.rows.high < 5_500_000
    # A page in four more where nothing is kept alive, and every row once more where all is.
    grown = 0.25 * 100_000 * PAGE
    assert found.table_bytes.low < grown < found.table_bytes.high
    assert found.table_bytes.high > 1.25 * 100_000 * PAGE
    assert found.index_bytes.high > 200_000_000
    assert found.seconds.low < 50 < found.seconds.high


def test_a_table_that_was_read_whole_is_counted_and_not_guessed() -> None:
    whole = replace(MEASURED, table=replace(TABLE, blocks=64))
    assert (reckoned(whole).rows.low, reckoned(whole).rows.high) == (3_200, 3_200)


def test_places_that_differ_widen_the_range() -> None:
    uneven = replace(SAMPLE, places=((90, 1), (10, 1)) * 32)
    even, wide = reckoned().rows, reckoned(replace(MEASURED, sample=uneven)).rows
    assert wide.high - wide.low > 2 * (even.high - even.low)


def test_only_rows_that_change_are_counted() -> None:
    half = replace(SAMPLE, filled=1_600, after=replace(SAMPLE.after, heap=104 * PAGE))
    found = reckoned(replace(MEASURED, sample=half))
    assert found.rows.high < 0.55 * 5_000_000
    assert found.table_bytes.high < 0.6 * reckoned().table_bytes.high


def test_a_migration_that_fills_nothing_costs_its_indexes() -> None:
    nothing = replace(SAMPLE, filled=0, after=SAMPLE.before)
    found = reckoned(replace(MEASURED, sample=nothing))
    assert (found.rows.high, found.table_bytes.high) == (0, 0)
    assert 0 < found.index_bytes.low < found.index_bytes.high


def test_pages_in_full_and_a_slot_that_nobody_reads_cost_room() -> None:
    plain = reckoned()
    full = reckoned(replace(MEASURED, server=replace(SERVER, full_pages=True)))
    kept = reckoned(replace(MEASURED, server=replace(SERVER, keeps_all_wal=True)))
    assert full.wal_bytes.high > plain.wal_bytes.high + 100_000 * PAGE
    assert full.wal_bytes.low == plain.wal_bytes.low
    assert kept.disk_bytes.high > plain.disk_bytes.high


def test_along_a_key_a_page_is_logged_in_full_after_each_checkpoint() -> None:
    often = replace(SERVER, full_pages=True, kept_wal_bytes=100_000_000)
    measured = replace(MEASURED, server=often)
    by_page, by_key = reckoned(measured), reckoned(measured, replace(TERMS, by_key=True))
    # A checkpoint comes after 50 MB of log at most, and more than 1 GB is written.
    assert by_key.wal_bytes.high > by_page.wal_bytes.high + 10 * 100_000 * PAGE
    assert by_key.wal_bytes.low == by_page.wal_bytes.low
    assert "along a key" in "; ".join(by_key.basis)
    # Never more pages than rows were written.
    few = replace(SAMPLE, filled=32)
    one = reckoned(replace(measured, sample=few), replace(TERMS, by_key=True))
    assert one.wal_bytes.high < by_page.wal_bytes.high


def test_pages_that_are_logged_bring_the_next_checkpoint_nearer() -> None:
    """Half of what fits between two checkpoints is the table, and then all of it comes again."""
    plain = reckoned().wal_bytes.high
    logged = replace(MEASURED, server=replace(SERVER, full_pages=True))
    found = reckoned(logged, replace(TERMS, by_key=True)).wal_bytes.high
    checkpoints = found / (SERVER.kept_wal_bytes / 2)
    rows = 5_000_000
    assert found - plain > min(checkpoints * 100_000 * PAGE, rows * PAGE)


def test_more_workers_may_be_faster_and_rests_take_longer() -> None:
    one, four = reckoned().seconds, reckoned(terms=replace(TERMS, workers=4)).seconds
    assert four.low == pytest.approx(one.low / 4, abs=0.1)
    # Nobody says that all four find a processor.
    assert four.high == one.high
    rested = reckoned(terms=replace(TERMS, duty=0.1))
    assert rested.seconds.low == pytest.approx(10 * one.low, rel=0.01)
    assert rested.seconds.high > 8 * one.high
    assert "one worker, at work 10% of the time" in "; ".join(rested.basis)


def test_a_backup_is_compressed_or_not_and_its_trial_takes_the_table_once_more() -> None:
    small = replace(SAMPLE, filled=0, after=SAMPLE.before, built_bytes=0)
    measured = replace(MEASURED, sample=small)
    terms = replace(TERMS, backup_first=True)
    without = reckoned(measured)
    here = reckoned(measured, terms)
    elsewhere = reckoned(measured, replace(terms, tried_here=False))
    assert without.backup_bytes.high == 0
    assert here.disk_bytes.low > 0.9 * 100_000 * PAGE
    assert elsewhere.disk_bytes.low == 0
    loose = reckoned(measured, replace(terms, compressed=False))
    assert loose.backup_bytes.low > 10 * here.backup_bytes.low
    assert loose.backup_bytes.high == here.backup_bytes.high > 5_000_000 * 125


@pytest.mark.parametrize(("free", "fits"), [(10**13, True), (10**8, False), (None, True)])
def test_more_than_the_disk_has_is_said_with_both_figures(*, free: int | None, fits: bool) -> None:
    found = excesses(reckoned(room=Room(free_bytes=free, source="PGTIDE_DISK_FREE_MB")))
    assert (found == ()) is fits
    if not fits:
        assert "100 MB are free (PGTIDE_DISK_FREE_MB)" in found[0]


def test_more_than_a_week_of_windows_is_said() -> None:
    short = reckoned(terms=replace(TERMS, week_seconds=60.0))
    assert short.weeks is not None
    assert short.weeks.high > 1
    (said,) = excesses(short)
    assert "windows are open for 0.0 hours a week" in said
    assert excesses(reckoned(terms=replace(TERMS, week_seconds=604_800.0))) == ()


def test_a_sample_that_is_filled_row_by_row_does_not_raise_the_least_time() -> None:
    slow = replace(SAMPLE, failing=1, filled=3_199, fill_seconds=SAMPLE.fill_seconds * 5)
    found = reckoned(replace(MEASURED, sample=slow)).seconds
    assert found.low <= reckoned().seconds.low < found.high


def test_rows_that_cannot_be_converted_and_triggers_are_named() -> None:
    failing = replace(SAMPLE, failing=7, why="PostgreSQL refused.")
    found = reckoned(
        replace(MEASURED, sample=failing), replace(TERMS, triggers=("touch_updated_at",))
    )
    told = "; ".join(found.basis)
    assert "7 of the 3,200 rows cannot be converted" in told
    assert "touch_updated_at" in told
