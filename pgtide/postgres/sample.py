"""A sample of a table, copied into a temporary table, and filled there as the backfill would.

All of it happens in one transaction that is rolled back. Of the table itself only rows are read,
under the lock of a SELECT. A temporary table writes no WAL and is never pruned in its own
transaction: what is measured is one version of each row more, and an entry more in each index.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pgtide.errors import StatementFailed
from pgtide.model.plan import BackfillSql, Plan
from pgtide.model.table import Table
from pgtide.postgres.ddl import escaped, fill, ident, listed, literal, relation, search_path
from pgtide.postgres.leaves import Leaf, read_leaves
from pgtide.postgres.session import Session
from pgtide.postgres.session_settings import milliseconds
from pgtide.sql import queries

_SQL: Final = queries("estimate")
_COPY: Final = "pgtide_sample"
_ROWS: Final = 10_000
# Rows a block where nobody has looked, and the fewest that are believed: the rest may be guessed
# from a table that was empty then.
_LIKELY: Final = 60.0
_FEWEST: Final = 20.0
# Wide rows are copied with what is stored apart from them.
_BYTES: Final = 8_000_000
# So many places in the table: what was written at one time is often alike.
_PLACES: Final = 64
# Reading a sample must never be felt: an ALTER TABLE would wait behind it.
_PATIENCE: Final = timedelta(seconds=3)
# What a row's value does wrong: data exceptions, constraints, and what an expression itself raises.
_FAILING: Final = ("22", "23", "P0001")
_FUNCTION: Final = "CREATE OR REPLACE FUNCTION "

Seconds = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """A table's size in its files, and how it is stored."""

    blocks: int
    rows_per_block: float | None
    toast_bytes: int
    index_bytes: int
    indexes: int
    fillfactor: int
    toast_tuple_target: int | None
    tablespace: str | None
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """How a server writes WAL, and how much of it it keeps."""

    block_bytes: int
    full_pages: bool
    kept_wal_bytes: int
    checkpoint_seconds: float
    keeps_all_wal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """Bytes of rows, of what is stored apart from them, and of indexes."""

    heap: int
    toast: int
    indexes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What was measured on a copy: before and after its rows were filled.

    `places` has the rows found at each place and the blocks read there. `failing` rows could not be
    converted, for the reason `why`.
    """

    places: tuple[tuple[int, int], ...]
    text_bytes: int
    copy_seconds: float
    before: Sizes
    after: Sizes
    filled: int
    fill_seconds: float
    built_bytes: int
    build_seconds: float
    failing: int
    why: str

    @property
    def rows(self) -> int:
        """Return how many rows were copied."""
        return sum(rows for rows, _ in self.places)

    @property
    def blocks(self) -> int:
        """Return how many of the table's blocks were read."""
        return sum(blocks for _, blocks in self.places)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filled:
    rows: int = 0
    failing: int = 0
    why: str = ""


def read_table_facts(session: Session, oid: int) -> TableFacts:
    """Read what an estimate has to know of a table."""
    return TableFacts(**(session.row(_SQL["table_facts"], {"oid": oid}) or {}))


def read_server_facts(session: Session) -> ServerFacts:
    """Read what an estimate has to know of a server."""
    return ServerFacts(**(session.row(_SQL["server_facts"]) or {}))


def take_sample(
    session: Session, plan: Plan, table: Table, facts: TableFacts, *, seconds: Seconds
) -> Sample:
    """Copy some rows, fill them, build the new indexes on them, and measure all that."""
    with session.rolled_back():
        limits = {name: milliseconds(_PATIENCE) for name in ("lock_timeout", "statement_timeout")}
        session.configure({"search_path": search_path(table.name), **limits}, local=True)
        _make(session, table, facts)
        begun = seconds()
        places = tuple(_copied(session, table, facts))
        copied = seconds() - begun
        text = int(session.value(_SQL["sample_text"]))
        _add_columns(session, plan)
        before, begun = _sizes(session), seconds()
        filled = _fill(session, plan, plan.backfill) if plan.backfill else _Filled()
        filling, after, begun = seconds() - begun, _sizes(session), seconds()
        _build(session, plan)
        return Sample(
            places=places,
            text_bytes=text,
            copy_seconds=copied,
            before=before,
            after=after,
            filled=filled.rows,
            fill_seconds=filling,
            built_bytes=_sizes(session).indexes - after.indexes,
            build_seconds=seconds() - begun,
            failing=filled.failing,
            why=filled.why,
        )


def _make(session: Session, table: Table, facts: TableFacts) -> None:
    target = facts.toast_tuple_target
    session.execute(
        fill(
            # Full pages: so that what the fill adds is new rows alone.
            "CREATE TEMP TABLE {copy} (LIKE {table} INCLUDING GENERATED INCLUDING INDEXES"
            " INCLUDING STORAGE INCLUDING COMPRESSION) WITH (fillfactor = 100{toast})",
            copy=ident(_COPY),
            table=relation(table.name),
            toast=f", toast_tuple_target = {target}" if target else "",
        ),
        doing="making a temporary copy of the table's shape",
    )


def _copied(session: Session, table: Table, facts: TableFacts) -> Iterator[tuple[int, int]]:
    """Copy rows, and yield how many came from how many blocks, place by place."""
    columns = listed([ident(one.name) for one in table.columns if not one.generated])
    for leaf, first, count in _runs(read_leaves(session, table.oid), facts):
        text = fill(
            "INSERT INTO pg_temp.{copy} ({columns}) SELECT {columns} FROM ONLY {table}",
            copy=ident(_COPY),
            columns=columns,
            table=relation(leaf.name),
        )
        rows = session.execute(
            f"{escaped(text)} WHERE ctid >= %(low)s::tid AND ctid < %(high)s::tid",
            {"low": f"({first},0)", "high": f"({first + count},0)"},
            doing="copying a sample of the table",
        )
        yield rows, count


def _runs(leaves: Sequence[Leaf], facts: TableFacts) -> Iterator[tuple[Leaf, int, int]]:
    """Yield leaf, first block and length of each place that is read.

    Evenly spread over all leaves, or all there is.
    """
    width = 1 + facts.toast_bytes / 8192 / max(1, facts.blocks)
    dense = max(_FEWEST, facts.rows_per_block or _LIKELY)
    wanted = min(_ROWS / dense, _BYTES / 8192 / width)
    length = max(1, round(wanted / _PLACES))
    total = sum(leaf.blocks for leaf in leaves)
    if total <= length * _PLACES:
        yield from ((leaf, 0, leaf.blocks) for leaf in leaves if leaf.blocks)
        return
    firsts, before = [number * total // _PLACES for number in range(_PLACES)], 0
    for leaf in leaves:
        for first in firsts:
            if before <= first < before + leaf.blocks:
                yield leaf, first - before, min(length, before + leaf.blocks - first)
        before += leaf.blocks


def _add_columns(session: Session, plan: Plan) -> None:
    for name, kind in plan.expected.columns:
        session.execute(
            fill(
                "ALTER TABLE pg_temp.{copy} ADD COLUMN {name} {kind}",
                copy=ident(_COPY),
                name=ident(name),
                kind=kind,
            )
        )


def _fill(session: Session, plan: Plan, backfill: BackfillSql) -> _Filled:
    """Fill all rows in one statement; where one cannot be converted, row by row, and count."""
    update = _update(session, plan, backfill)
    session.execute("SAVEPOINT pgtide_fill")
    try:
        rows = session.execute(escaped(update), {}, doing="filling a copied sample")
    except StatementFailed as error:
        if not error.sqlstate.startswith(_FAILING):
            raise
        session.execute("ROLLBACK TO pgtide_fill")
        filled, failing = _one_by_one(session, update)
        return _Filled(rows=filled, failing=failing, why=error.what)
    return _Filled(rows=rows)


def _update(session: Session, plan: Plan, backfill: BackfillSql) -> str:
    """Return the backfill's UPDATE over the copy, with temporary functions in the place of ours."""
    update = fill(
        "UPDATE pg_temp.{copy} AS t SET {set} WHERE NOT {in_step}",
        copy=ident(_COPY),
        set=backfill.assignments,
        in_step=backfill.in_step,
    )
    texts = [statement.sql for step in plan.expand for statement in step.statements]
    for text in texts:
        name = text.removeprefix(_FUNCTION).partition("(")[0]
        if text.startswith(_FUNCTION) and f"{name}(" in update:
            # Quoted, with our schema and tag before it: the text of nobody else.
            ours = name.replace(f"{ident('pgtide')}.", f"{ident('pg_temp')}.", 1)
            session.execute(text.replace(name, ours, 1))
            update = update.replace(f"{name}(", f"{ours}(")
    return update


def _one_by_one(session: Session, update: str) -> tuple[int, int]:
    """Fill row by row; return how many were filled, and how many could not be."""
    body = fill(
        "#variable_conflict use_column\n"
        "DECLARE pgtide_place tid; pgtide_filled bigint := 0; pgtide_failing bigint := 0;\n"
        "BEGIN FOR pgtide_place IN SELECT t.ctid FROM pg_temp.{copy} t LOOP\n"
        "BEGIN {update} AND t.ctid = pgtide_place;\n"
        "IF FOUND THEN pgtide_filled := pgtide_filled + 1; END IF;\n"
        "EXCEPTION WHEN data_exception OR integrity_constraint_violation OR raise_exception\n"
        "THEN pgtide_failing := pgtide_failing + 1; END;\n"
        "END LOOP; RETURN ARRAY[pgtide_filled, pgtide_failing]; END",
        copy=ident(_COPY),
        update=update,
    )
    session.execute(
        fill(
            "CREATE FUNCTION pg_temp.pgtide_one_by_one() RETURNS bigint[] LANGUAGE plpgsql"
            " AS {body}",
            body=literal(body),
        )
    )
    counting = "counting rows that cannot be converted"
    filled, failing = session.value("SELECT pg_temp.pgtide_one_by_one()", doing=counting)
    return filled, failing


def _build(session: Session, plan: Plan) -> None:
    for _, tail in plan.expected.indexes:
        session.execute(
            fill("CREATE INDEX ON pg_temp.{copy} {tail}", copy=ident(_COPY), tail=tail),
            doing="building a declared index on a copied sample",
        )


def _sizes(session: Session) -> Sizes:
    return Sizes(**(session.row(_SQL["sample_sizes"]) or {}))
