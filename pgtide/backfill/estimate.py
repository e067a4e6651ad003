"""From a measured sample to what the whole table will take: plain arithmetic.

The low bound is a backfill whose passes are pruned behind it, as docs/backfill.md measures it; the
high bound one behind whose back an old transaction keeps every row version, so that each row is
written anew with an entry in every index. Both are tested against real backfills.
"""

import math
from dataclasses import dataclass
from typing import Final

from pgtide.model.estimate import NOTHING, Estimate, Range, Room
from pgtide.postgres.sample import Sample, ServerFacts, TableFacts

# Of WAL, per row: the trigger locks it before; an UPDATE's record and its headers; an index entry's
# record; what pruning says of a row.
_LOCK: Final = 62
_UPDATE: Final = 78
_ENTRY: Final = 64
_PRUNE: Final = 20
# A page that splits is logged besides the entry that split it.
_SPLIT: Final = 1.5
# Sampling errors either way: two standard deviations hold in 95 cases of 100.
_DEVIATIONS: Final = 2.0
_SLACK: Final = 0.05
# A fresh B-tree is 90 % full, one that has grown 70 %.
_INDEX_SLACK: Final = 0.25
# A table or an index is at least a page, and has maps of its own.
_PAGES: Final = 8
# Until what is logged and the checkpoints that it brings agree to a millionth.
_HALVINGS: Final = 20
# The ledger, the catalogs, and their pages in full.
_OWN_WAL: Final = 6_000_000
# Against one UPDATE of a copy that nobody logs, measured on the six tables of the bench: 1.1 to 2.3
# with one worker, 0.8 to 2.3 with two, 3.5 with an application's trigger. Between the fastest with
# all processors to itself, and twice the slowest on a server that is busy.
_FASTEST: Final = 0.8
_SLOWEST: Final = 8.0
# Where a row cannot be converted, the sample is filled row by row: measured five times as long,
# and longer where converting is cheap.
_ROW_BY_ROW: Final = 8.0
# What comes after the walk, of copying the rows and building the indexes: measured 0.04 to 0.35.
_AFTERWARDS: Final = 1.5
# What a compressed dump is of its text.
_COMPRESSED: Final = 0.05
_START_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an estimate depends on beside the table and the server.

    Whether a backup comes first, is tried on this server, and is compressed; how many workers there
    may be, and the share of the time at work; whether the walk goes along a key; the application's
    triggers that fire; what the windows leave of a week.
    """

    backup_first: bool
    tried_here: bool
    compressed: bool
    workers: int
    duty: float = 1.0
    by_key: bool = False
    triggers: tuple[str, ...] = ()
    week_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A sample, the table and the server that it was taken from."""

    sample: Sample
    table: TableFacts
    server: ServerFacts

    @property
    def rows(self) -> Range:
        """Return how many rows the table has, by the rows at each place and how they differ."""
        places, blocks = self.sample.places, self.table.blocks
        if self.sample.blocks >= blocks:
            return Range(low=self.sample.rows, high=self.sample.rows)
        found = [rows / count for rows, count in places]
        mean = sum(found) / len(found)
        spread = math.sqrt(sum((one - mean) ** 2 for one in found) / (len(found) - 1) / len(found))
        margin = _DEVIATIONS * spread + mean * _SLACK
        return Range(low=max(0.0, mean - margin) * blocks, high=(mean + margin) * blocks)

    def per_row(self, amount: float) -> float:
        """Return an amount of the whole sample for each of its rows."""
        return amount / max(1, self.sample.rows)

    def for_all(self, amount: float) -> Range:
        """Return an amount of the whole sample for the whole table."""
        each, rows = self.per_row(amount), self.rows
        return Range(low=each * rows.low, high=each * rows.high)

    def per_filled(self, amount: float) -> float:
        """Return an amount of the fill for each row that was filled."""
        return amount / max(1, self.sample.filled)


def reckon(measured: Measured, terms: Terms, room: Room) -> Estimate:
    """Return the estimate of a whole table."""
    sample, rows = measured.sample, measured.for_all(measured.sample.filled)
    table, built = _table_growth(measured), _built(measured)
    index, seconds = _index_growth(measured) + built, _seconds(measured, terms)
    backup = _backup(measured, terms) if terms.backup_first else NOTHING
    trial = _dense(measured) if terms.backup_first and terms.tried_here else NOTHING
    wal = _wal(measured, terms, seconds) + built + trial
    kept = (
        wal.high
        if measured.server.keeps_all_wal
        else min(wal.high, float(measured.server.kept_wal_bytes))
    )
    disk = Range(
        low=max(trial.low, table.low + index.low), high=max(trial.high, table.high + index.high)
    )
    week = terms.week_seconds
    return Estimate(
        rows=rows.whole(),
        seconds=Range(low=round(seconds.low, 1), high=round(seconds.high, 1)),
        wal_bytes=wal.whole(),
        table_bytes=table.whole(),
        index_bytes=index.whole(),
        backup_bytes=backup.whole(),
        disk_bytes=Range(low=disk.low, high=disk.high + kept).whole(),
        room=room,
        sampled=sample.rows,
        failing=sample.failing,
        week_seconds=week,
        weeks=_weeks(seconds, week) if week else None,
        basis=tuple(_basis(measured, terms)),
    )


def _dense(measured: Measured) -> Range:
    """Return the bytes of the old rows as a fresh copy would have them, without indexes."""
    before = measured.sample.before
    found = measured.for_all(before.heap / (measured.table.fillfactor / 100) + before.toast)
    return Range(low=found.low * (1 - _SLACK), high=found.high * (1 + _SLACK))


def _table_growth(measured: Measured) -> Range:
    sample, table, server = measured.sample, measured.table, measured.server
    added = sample.after.heap - sample.before.heap
    share = table.fillfactor / 100
    # One version of each row: those that were filled in their new width, the others in their old.
    unfilled = sample.before.heap * (1 - sample.filled / max(1, sample.rows))
    final = measured.for_all(added + unfilled)
    apart = measured.for_all(sample.after.toast - sample.before.toast)
    now = table.blocks * server.block_bytes
    low = max(0.0, final.low * (1 - _SLACK) - now)
    high = measured.for_all(added / share).high * (1 + _SLACK) + _PAGES * server.block_bytes
    slack = Range(low=apart.low * (1 - _SLACK), high=apart.high * (1 + _SLACK))
    return Range(low=low, high=high if sample.filled else 0) + slack


def _index_growth(measured: Measured) -> Range:
    sample, table = measured.sample, measured.table
    added = sample.after.indexes - sample.before.indexes
    if not added:
        return NOTHING
    # By the sample's own growth, or by its share of what is there, which may be fuller.
    share = added / max(1, sample.before.indexes) * table.index_bytes
    most = max(measured.for_all(added).high, share) * (1 + _INDEX_SLACK)
    return Range(low=0, high=most + _PAGES * table.indexes * measured.server.block_bytes)


def _built(measured: Measured) -> Range:
    size = measured.sample.built_bytes
    if not size:
        return NOTHING
    found = measured.for_all(size)
    return Range(
        low=max(0.0, found.low * (1 - 2 * _INDEX_SLACK) - _PAGES * measured.server.block_bytes),
        high=found.high * (1 + _INDEX_SLACK) + _PAGES * measured.server.block_bytes,
    )


def _wal(measured: Measured, terms: Terms, seconds: Range) -> Range:
    """Return the WAL of the backfill, by what PostgreSQL logs of each row and page."""
    sample, table, server = measured.sample, measured.table, measured.server
    rows = measured.for_all(sample.filled)
    new = measured.per_filled(sample.after.heap - sample.before.heap)
    old = measured.per_row(sample.before.heap)
    apart = measured.per_filled(sample.after.toast - sample.before.toast)
    entries = _SPLIT * measured.per_filled(sample.after.indexes - sample.before.indexes)
    entries += _ENTRY * table.indexes
    moved = _LOCK + _UPDATE + new + entries + _PRUNE + _SPLIT * apart
    # An UPDATE that stays on its page logs what differs, and no entry.
    stayed = _LOCK + _UPDATE + max(0.0, new - old) + apart
    least = stayed * (1 - _SLACK) * rows.low
    most = moved * (1 + _SLACK) * rows.high
    if server.full_pages and rows.high:
        most += _full_pages(measured, terms, most, seconds)
    return Range(low=least, high=most + _OWN_WAL)


def _full_pages(measured: Measured, terms: Terms, logged: float, seconds: Range) -> float:
    """Return the bytes of pages that are logged in full, the first time after each checkpoint."""
    table, server = measured.table, measured.server
    rows = measured.for_all(measured.sample.filled).high
    grown = _table_growth(measured).high
    heap = table.blocks * server.block_bytes + grown
    index = table.index_bytes + _index_growth(measured).high
    # A walk by pages comes by each and soon again, seldom with a checkpoint between. Neighbours by
    # key are all over the table, and the entries of indexes all over these, but never on more pages
    # than there are rows.
    once, most = 1.25 * heap, rows * table.indexes * server.block_bytes
    scattered = rows * server.block_bytes + grown if terms.by_key else 0.0

    def after(full: float) -> float:
        # Pages that are logged bring the next checkpoint nearer, after which they are logged again.
        checkpoints = 1 + (logged + full) / (server.kept_wal_bytes / 2)
        checkpoints += seconds.high / server.checkpoint_seconds
        return min(index * checkpoints, most) + max(once, min(heap * checkpoints, scattered))

    low, high = 0.0, most + max(once, scattered)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if after(middle) > middle else (low, middle)
    return high


def _seconds(measured: Measured, terms: Terms) -> Range:
    sample = measured.sample
    filling = measured.for_all(sample.fill_seconds)
    others = measured.for_all(sample.copy_seconds + sample.build_seconds)
    least = filling.low / (_ROW_BY_ROW if sample.failing else 1.0)
    return Range(
        low=least * _FASTEST / terms.workers / terms.duty,
        high=filling.high * _SLOWEST / terms.duty + others.high * _AFTERWARDS + _START_SECONDS,
    )


def _backup(measured: Measured, terms: Terms) -> Range:
    text = measured.for_all(measured.sample.text_bytes)
    return Range(
        low=text.low * (_COMPRESSED if terms.compressed else 1 - _SLACK),
        high=text.high * (1 + _SLACK),
    )


def _weeks(seconds: Range, week: float) -> Range:
    return Range(low=seconds.low / week, high=seconds.high / week)


def _basis(measured: Measured, terms: Terms) -> list[str]:
    sample = measured.sample
    hands = _hands(terms) if sample.filled else ""
    every = "all" if sample.blocks >= measured.table.blocks else "a sample of"
    found = [
        f"{every} {sample.rows:,} rows were copied, filled and indexed in a temporary table",
        "bytes, low: nothing keeps old row versions meanwhile; high: an old transaction keeps all",
        f"time is of this server at this moment{hands}, without holds, locks, closed windows",
        "time, low: nobody else is at work meanwhile; high: others take most of the server",
    ]
    if terms.by_key:
        found.append("along a key: WAL, high: neighbours by key lie on pages far apart")
    if terms.triggers:
        names = ", ".join(terms.triggers)
        found.append(f"not counted: what the application's triggers do on UPDATE ({names})")
    if sample.failing:
        found.append(
            f"{sample.failing:,} of the {sample.rows:,} rows cannot be converted: {sample.why}"
        )
    return found


def _hands(terms: Terms) -> str:
    many = ", with one worker"
    if terms.workers > 1:
        many = f", with up to {terms.workers} workers, if as many processors are free then"
    return many if terms.duty == 1 else f"{many}, at work {terms.duty:.0%} of the time"
