"""How a row is named where it has to be found again: by its key, else by its place."""

from typing import Final, LiteralString

from pgtide.model.plan import Plan
from pgtide.postgres.ddl import escaped, fill, ident, listed, literal, relation

_VERSION: Final[LiteralString] = (
    "SELECT t.ctid::text AS place, t.xmin::text AS version,"
    " pg_catalog.pg_relation_filenode(t.tableoid)::bigint AS filenode FROM {table} AS t"
)

# One version of a row of `t`. A place means nothing without its file: another leaf has it too.
SAME_VERSION: Final = (
    "t.ctid = %(place)s::tid AND t.xmin = %(version)s::xid"
    " AND pg_catalog.pg_relation_filenode(t.tableoid) = %(filenode)s"
)


def rows_of(plan: Plan) -> str:
    """Return what to name for all rows of the table: of a partitioned one those of its leaves."""
    return relation(plan.table) if plan.partitioned else f"ONLY {relation(plan.table)}"


def row_key(plan: Plan) -> str:
    """Return the key of a row of `t`, as SQL for a jsonb object."""
    if not plan.key:
        return "pg_catalog.jsonb_build_object('ctid', t.ctid::text)"
    names = listed([f"{literal(name)}, t.{ident(name)}" for name in plan.key])
    return f"pg_catalog.jsonb_build_object({names})"


def by_key(plan: Plan) -> str:
    """Return the query for the newest version of the row with the key that is the parameter."""
    same = " AND ".join(f"t.{ident(name)} = k.{ident(name)}" for name in plan.key)
    head = fill(_VERSION, table=rows_of(plan))
    # The server reads each part of the key by the type of its column.
    shape = fill("NULL::{table}", table=relation(plan.table))
    head, shape, same = (escaped(text) for text in (head, shape, same))
    key = f"pg_catalog.jsonb_populate_record({shape}, %(key)s::jsonb) AS k"
    return f"{head}, {key} WHERE {same}"


def by_place(plan: Plan) -> str:
    """Return the query for the version of a row that is the parameters, where it is there still."""
    head = escaped(fill(_VERSION, table=rows_of(plan)))
    return f"{head} WHERE {SAME_VERSION}"
