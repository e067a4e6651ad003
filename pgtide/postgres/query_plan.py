"""What the server takes for a query, and how it goes about it.

The server itself runs it, in a transaction that may not write and is rolled back, and sends no row.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from typing import Any, Final

from postgast import deparse, parse, walk

from pgtide.errors import StatementFailed
from pgtide.model.table import TableName
from pgtide.postgres.catalog import read_types
from pgtide.postgres.ddl import fill, ident, listed, relation, search_path
from pgtide.postgres.faults import STATEMENT_TIMEOUT
from pgtide.postgres.session import Session
from pgtide.postgres.session_settings import milliseconds
from pgtide.postgres.statement_lock import is_table, relations

# Longer than anybody waits for a page.
LIMIT: Final = timedelta(seconds=10)
_VIEW: Final = TableName(schema="pg_temp", name="pgtide_shape")
_ANALYZE: Final = "EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, SUMMARY ON, FORMAT JSON) "
_PLAN: Final = "EXPLAIN (VERBOSE, FORMAT JSON) "


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table, and other names for its columns, under which a query shall see them."""

    table: TableName
    oid: int
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The median of a query's runs, None where one did not end in time; its plan, its scans."""

    median_ms: float | None
    plan: str
    scans: int


def taken(session: Session, query: str, shape: Shape, *, runs: int) -> Taken:
    """Run a query so often, or until the time is up.

    Raises StatementFailed where it does not run.
    """
    try:
        with _reading(session, shape):
            return _run(session, seen_through(query, shape), shape.table, runs=runs)
    except StatementFailed as error:
        if error.sqlstate != STATEMENT_TIMEOUT:
            raise
    with _reading(session, shape):
        plan = _explained(session, f"{_PLAN}{seen_through(query, shape)}")
        return Taken(median_ms=None, plan=json.dumps(plan), scans=_scans(plan, shape.table))


def seen_through(query: str, shape: Shape) -> str:
    """Return a query that reads the table through a view that gives its columns the other names.

    The planner takes such a view apart: the plan is that of the table.
    """
    if not shape.names:
        return query
    tree = parse(query)
    own = {one.ctename for _, one in walk(tree) if hasattr(one, "ctename")}
    for one in relations(tree):
        if not is_table(one, shape.table) or (not one.schemaname and one.relname in own):
            continue
        if not one.alias.aliasname:
            one.alias.aliasname = one.relname
        one.schemaname, one.relname, one.inh = _VIEW.schema, _VIEW.name, True
    return str(deparse(tree))


@contextmanager
def _reading(session: Session, shape: Shape) -> Iterator[None]:
    """Give a transaction that may not write, with the view if it is needed."""
    with session.rolled_back():
        if shape.names:
            session.execute(_view(session, shape), doing="making a view in a trial")
        session.configure(
            {
                "search_path": search_path(shape.table),
                "statement_timeout": milliseconds(LIMIT),
                "transaction_read_only": "on",
            },
            local=True,
        )
        yield


def _view(session: Session, shape: Shape) -> str:
    columns = [
        f"{ident(column.name)} AS {ident(shape.names.get(column.name, column.name))}"
        for column in read_types(session, shape.oid)
    ]
    return fill(
        "CREATE TEMP VIEW {view} AS SELECT {columns} FROM {table}",
        view=ident(_VIEW.name),
        columns=listed(columns),
        table=relation(shape.table),
    )


def _run(session: Session, query: str, table: TableName, *, runs: int) -> Taken:
    times: list[float] = []
    while True:
        plan = _explained(session, f"{_ANALYZE}{query}")
        times.append(plan["Planning Time"] + plan["Execution Time"])
        if len(times) == runs or sum(times) > LIMIT.total_seconds() * 1000:
            return Taken(median_ms=median(times), plan=json.dumps(plan), scans=_scans(plan, table))


def _explained(session: Session, text: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = session.value(text, doing="measuring a declared query")
    return found[0]


def _scans(plan: Mapping[str, Any], table: TableName) -> int:
    """Count how often a plan reads the whole table."""
    return sum(
        1
        for node in _nodes(plan["Plan"])
        if node["Node Type"] == "Seq Scan"
        and (node.get("Schema"), node.get("Relation Name")) == (table.schema, table.name)
    )


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)
