"""A drawn case: a table, its migration, what is written when, and how it ends."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from hypothesis import strategies as some

from pgtide import AddColumn, Backfill, Migration, ReplaceColumn
from pgtide.changes.change import Change
from tests.scenarios.acts import columns
from tests.scenarios.drawn.kinds import ADDED, PAIRS, AddedKind, PairKind
from tests.scenarios.drawn.table import KEYS, STORAGES, Replaced, Table
from tests.scenarios.drawn.writes import (
    PAIRS as MOST,
)
from tests.scenarios.drawn.writes import (
    Delete,
    Given,
    Insert,
    Side,
    Transaction,
    Update,
    Upsert,
    Write,
)

MIGRATION_ID = "20260101_000000_drawn"
_NAME_BYTES = 63
_SYSTEM = {"ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"}
_NAMES = (
    "id", "Users", "select", "new", "old", "t", "order", "user", "mended", "tg_op", "excluded",
    'say "no"', "it's", "naïve ünï", "日本語", "100%", "%s", "%(low)s", "a.b", "back\\slash", " ",
    "two\nlines", "$body$", "--", "/*", "{name}", "x" * _NAME_BYTES, "x" * 62 + "y", "é" * 31,
    "pgtide", "r", "key", "values", "w", "low", "~",
)  # fmt: skip
_ROW = some.integers(0, 40)


class Fate(StrEnum):
    """What becomes of the migration after verification."""

    UNDONE = "undone"
    UNDONE_UNFILLED = "undone before the backfill"
    CONTRACTED_UNDONE = "contracted and undone"
    PURGED = "purged"


# When a transaction is begun, besides before the n-th batch; the last moment is every fate's.
_EXPANDED = ("before", "step expand.shape", *["phase expand"] * 3, "verified")
_VERIFIED = (*_EXPANDED, "sweep", "sweep", "phase backfill", "step finalize", "phase finalize")
_CONTRACTED = (*_VERIFIED, "step contract.shape", *["contracted"] * 3)
_BATCHES = 8
MOMENTS = {
    Fate.UNDONE_UNFILLED: (*_EXPANDED, "undoing", "end"),
    Fate.UNDONE: (*_VERIFIED, "undoing", "end"),
    Fate.CONTRACTED_UNDONE: (*_CONTRACTED, "undoing", "end"),
    Fate.PURGED: (*_CONTRACTED, "end"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A column that the migration adds; its expressions are about the first replaced one."""

    kind: AddedKind
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything that is drawn."""

    table: Table
    additions: tuple[Addition, ...]
    script: tuple[tuple[str, Transaction], ...]
    fate: Fate
    favour: Literal["time", "size"]
    walk: Literal["pages", "key"]

    @property
    def migration(self) -> Migration:
        """Return the migration as its file would declare it."""
        return Migration(
            id=MIGRATION_ID,
            version="1.0.0",
            description="drawn",
            table=self.table.declared,
            changes=[
                *map(self._replacing, self.table.replaced),
                *map(self._adding, self.additions),
            ],
            contract_release="2.0.0",
            # One at a time: the application looks at the table while no batch is under way.
            backfill=Backfill(workers=1, favour=self.favour, walk=self.walk),
        )

    def _replacing(self, one: Replaced) -> Change:
        return ReplaceColumn(
            one.name,
            type=one.kind.new,
            up=self._said(one.kind.up_sql, one.name),
            down=self._said(one.kind.down_sql, one.name),
            interim=one.interim,
        )

    def _adding(self, one: Addition) -> Change:
        def said(text: str | None) -> str | None:
            return self._said(text, self.table.replaced[0].name, one.name)

        return AddColumn(
            one.name,
            type=one.kind.type,
            backfill=said(one.kind.fill_sql),
            on_write=said(one.kind.write_sql),
            verify=said(one.kind.verify_sql),
        )

    def _said(self, text: str | None, name: str, added: str = "") -> str | None:
        parts = {"c": name, "a": added, "f": self.table.factor, "n": self.table.note}
        return text and text.format(**{key: columns([part]) for key, part in parts.items()})


def _usable(name: str) -> bool:
    return name not in _SYSTEM and len(name.encode()) <= _NAME_BYTES


_ALPHABET = some.characters(exclude_categories=("Cs", "Cc"))
names = some.one_of(
    some.sampled_from(_NAMES), some.text(_ALPHABET, min_size=1, max_size=12)
).filter(_usable)


@some.composite
def tables(draw: some.DrawFn) -> tuple[Table, Callable[[], str]]:
    """Draw a table, and what gives further names that are not taken."""
    taken = draw(some.lists(names, min_size=16, max_size=16, unique=True))
    fresh = iter(taken)

    def name() -> str:
        return next(fresh)

    kinds = draw(some.lists(some.sampled_from(PAIRS), min_size=1, max_size=MOST))
    # The drawn names last for every column: six of the table's, three pairs, two additions.
    table = Table(
        schema=draw(some.sampled_from(("public", "public", 'Odd "schema" %', "select"))),
        name=draw(names),
        **{own: name() for own in ("identity", "part", "factor", "note", "touched", "filler")},
        key=draw(some.sampled_from(sorted(KEYS))),
        storage=draw(some.sampled_from(sorted(STORAGES))),
        rows=draw(some.integers(1, 60)),
        nulls=draw(some.sampled_from((0.0, 0.2, 0.9))),
        seed=draw(some.integers(0, 999)),
        counted=draw(some.booleans()),
        replaced=tuple(draw(replaced(kind, name)) for kind in kinds),
    )
    return table, name


@some.composite
def replaced(draw: some.DrawFn, kind: PairKind, name: Callable[[], str]) -> Replaced:
    """Draw how a column of a kind stands in its table."""
    return Replaced(
        kind=kind,
        name=name(),
        interim=name() if kind.identity and draw(some.booleans()) else None,
        has_default=draw(some.booleans()),
        required=draw(some.booleans()),
        indexed=kind.comparable and draw(some.booleans()),
        checked=kind.comparable and draw(some.booleans()),
    )


# Most statements leave most columns alone.
_side = some.sampled_from((*Side, *[Side.NONE] * 4, Side.OLD, Side.NEW, Side.NEW))
_given = some.builds(
    Given,
    pairs=some.tuples(*[some.tuples(_side, some.integers(0, 9), some.integers(0, 9))] * MOST),
    added=some.none() | some.integers(0, 9),
    note=some.none() | some.integers(0, 9),
    factor=some.none() | some.integers(0, 9),
)
_rows = some.lists(_ROW, min_size=1, max_size=4, unique=True).map(tuple)
writes: some.SearchStrategy[Write] = some.one_of(
    some.builds(Update, rows=_rows, given=_given, rekeyed=some.sampled_from((False, False, True))),
    some.builds(
        Insert, rows=some.lists(_given, min_size=1, max_size=3).map(tuple), copied=some.booleans()
    ),
    some.builds(Upsert, row=some.none() | _ROW, given=_given, taken=some.none() | _given),
    some.builds(Delete, rows=_rows),
)
transactions = some.builds(
    Transaction,
    writes=some.lists(writes, min_size=1, max_size=3).map(tuple),
    commits=some.sampled_from((True, True, True, False)),
    held=some.booleans(),
)


@some.composite
def cases(draw: some.DrawFn, fate: Fate) -> Case:
    """Draw a case that ends in this way."""
    table, name = draw(tables())
    kinds = draw(some.lists(some.sampled_from(ADDED), max_size=2))
    batches = tuple(f"batch {number}" for number in range(1, _BATCHES + 1))
    walk: Literal["pages", "key"] = draw(some.sampled_from(("key", "pages")))
    walked = fate is not Fate.UNDONE_UNFILLED
    moments = some.sampled_from((*MOMENTS[fate], *(batches if walked else ())))
    script = some.lists(some.tuples(moments, transactions), min_size=8, max_size=24)
    return Case(
        table=table,
        additions=tuple(Addition(kind=kind, name=name()) for kind in kinds),
        script=tuple(draw(script)),
        fate=fate,
        favour=draw(some.sampled_from(("size", "time"))),
        walk=walk if table.key_columns else "pages",
    )
