"""The statements of a batch: the plan's expressions over a range of blocks."""

from typing import Final

from pgtide.backfill.batch import Work
from pgtide.changes import archive_trigger
from pgtide.ledger.lease import Lease
from pgtide.model.plan import ArchiveSql, BackfillSql, Plan
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, relation

# A range of tuple ids reads just its blocks, gaps in keys cost nothing (PostgreSQL 14 and later).
_FROM: Final = "t.ctid >= %(low)s::tid"
_BELOW: Final = " AND t.ctid < %(high)s::tid"
# A part of each page's rows, in 256ths of what their places hash to.
_SHARE: Final = (
    " AND (pg_catalog.hashtid(t.ctid) & 255) >= %(share)s"
    " AND (pg_catalog.hashtid(t.ctid) & 255) < %(below)s"
)


def filling(plan: Plan, backfill: BackfillSql, leaf: TableName | None = None) -> Work:
    """Return the statements that bring the rows of a leaf in step, or of the table itself.

    They read the source columns of the row they write.

    No subquery, no join: under READ COMMITTED a row that changed meanwhile is read again (findings
    3, traps 31, 32).
    """
    table = leaf or plan.table
    head = fill(
        "UPDATE ONLY {table} AS t SET {set}", table=relation(table), set=backfill.assignments
    )
    return _work(table, head, f" AND NOT {backfill.in_step}", "")


def archiving(plan: Plan, archive: ArchiveSql, lease: Lease, leaf: TableName) -> Work:
    """Return the statements that keep values of a leaf which the old shape cannot hold."""
    head, tail = archive_trigger.walking(plan, archive, leaf, attempt=lease.attempt)
    return _work(leaf, head, f" AND ({archive.where})", tail)


def _work(table: TableName, head: str, test: str, tail: str) -> Work:
    # Names may hold a percent sign, which the driver would take for a parameter.
    head, test, tail = (part.replace("%", "%%") for part in (head, test, tail))
    return Work(
        table=table,
        bounded=f"{head} WHERE {_FROM}{_BELOW}{test}{tail}",
        open_ended=f"{head} WHERE {_FROM}{test}{tail}",
        shared=f"{head} WHERE {_FROM}{_BELOW}{_SHARE}{test}{tail}",
    )
