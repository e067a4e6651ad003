"""The statements of a batch: the plan's expressions over a range of blocks."""

from dataclasses import dataclass, replace
from typing import Final

from pgtide.backfill.batch import Work
from pgtide.backfill.keyed import Keyed
from pgtide.backfill.row_key import row_key
from pgtide.changes import archive_trigger
from pgtide.ledger.lease import Lease
from pgtide.model.plan import ArchiveSql, BackfillSql, Plan
from pgtide.model.table import TableName
from pgtide.postgres.ddl import escaped, fill, relation
from pgtide.postgres.keys import Key

# A range of tuple ids reads just its blocks, gaps in keys cost nothing (PostgreSQL 14 and later).
_FROM: Final = "t.ctid >= %(low)s::tid"
_BELOW: Final = " AND t.ctid < %(high)s::tid"
# A part of each page's rows, in 256ths of what their places hash to.
_SHARE: Final = (
    " AND (pg_catalog.hashtid(t.ctid) & 255) >= %(share)s"
    " AND (pg_catalog.hashtid(t.ctid) & 255) < %(below)s"
)
_HOLD: Final = (
    "INSERT INTO pgtide.quarantine (migration_id, attempt, run_id, token, sqlstate, reason,"
    " table_oid, key, place, version, filenode)"
    " SELECT %(id)s, %(attempt)s, %(run)s, %(token)s, %(sqlstate)s, %(reason)s,"
)
# A row that failed before fails again.
_AGAIN: Final = (
    "ON CONFLICT (migration_id, attempt, table_oid, md5(key::text)) WHERE left_at IS NULL DO UPDATE"
    " SET place = excluded.place, version = excluded.version, filenode = excluded.filenode,"
    " sqlstate = excluded.sqlstate, reason = excluded.reason, tries = quarantine.tries + 1,"
    " tried_at = clock_timestamp()"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A statement over rows of a leaf without the range that it takes."""

    table: TableName
    head: str
    test: str
    tail: str = ""
    key: Key | None


def filling(
    plan: Plan, backfill: BackfillSql, leaf: TableName | None = None, *, key: Key | None = None
) -> Work:
    """Return the statements that bring the rows of a leaf in step, or of the table itself.

    They read the source columns of the row they write. With a key they go by it, too.

    No subquery, no join: under READ COMMITTED a row that changed meanwhile is read again (findings
    3, traps 31, 32).
    """
    table = leaf or plan.table
    head = fill(
        "UPDATE ONLY {table} AS t SET {set}", table=relation(table), set=backfill.assignments
    )
    test = f"NOT {backfill.in_step}"
    parts = _Parts(table=table, head=head, test=test, key=key)
    return replace(_work(parts), sparing=_work(parts, sparing=True), holding=_holding(plan, table))


def archiving(
    plan: Plan, archive: ArchiveSql, lease: Lease, leaf: TableName, *, key: Key | None = None
) -> Work:
    """Return the statements that keep values of a leaf which the old shape cannot hold."""
    head, tail = archive_trigger.walking(plan, archive, leaf, attempt=lease.attempt)
    return _work(_Parts(table=leaf, head=head, test=f"({archive.where})", tail=tail, key=key))


def _holding(plan: Plan, table: TableName) -> str:
    """Return the statement that puts one version of a row in quarantine, if it is there still.

    Locked, so that whoever mends it comes after.
    """
    row = fill(
        "t.tableoid, {key}, t.ctid, t.xmin, pg_catalog.pg_relation_filenode(t.tableoid)"
        " FROM ONLY {table} AS t",
        key=row_key(plan),
        table=relation(table),
    )
    where = f"WHERE {_FROM}{_BELOW} AND t.xmin = %(version)s::xid FOR NO KEY UPDATE"
    return f"{_HOLD} {escaped(row)} {where} {_AGAIN}"


def _work(parts: _Parts, *, sparing: bool = False) -> Work:
    table, key = parts.table, parts.key
    head, test, tail = (escaped(part) for part in (parts.head, parts.test, parts.tail))
    if sparing:
        # CASE, for its order: the test itself may fail on a row in quarantine.
        test = f"CASE WHEN t.ctid = ANY (%(kept)s::tid[]) THEN false ELSE {test} END"
    keyed = None
    if key is not None:
        keyed = Keyed(key=key, table=table, head=head, test=test, tail=tail)
    return Work(
        table=table,
        bounded=f"{head} WHERE {_FROM}{_BELOW} AND {test}{tail}",
        open_ended=f"{head} WHERE {_FROM} AND {test}{tail}",
        shared=f"{head} WHERE {_FROM}{_BELOW}{_SHARE} AND {test}{tail}",
        keyed=keyed,
    )
