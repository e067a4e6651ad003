"""Everything that a database holds, so that `nothing was changed` can be compared."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

# With the row versions: a change that was made and unmade shows too.
_CATALOGS = (
    "pg_attrdef", "pg_attribute", "pg_class", "pg_constraint", "pg_default_acl", "pg_depend",
    "pg_description", "pg_enum", "pg_event_trigger", "pg_foreign_table", "pg_index", "pg_inherits",
    "pg_namespace", "pg_policy", "pg_proc", "pg_publication", "pg_publication_rel", "pg_rewrite",
    "pg_sequence", "pg_statistic_ext", "pg_trigger", "pg_type",
)  # fmt: skip
# What VACUUM and ANALYZE write by themselves.
_RESTLESS = ("relpages", "reltuples", "relallvisible", "relallfrozen", "relfrozenxid", "relminmxid")
# The big catalogs, without the thousands of rows that come with the server.
_OURS = {
    "pg_attribute": "WHERE attrelid >= 16384",
    "pg_class": "WHERE oid >= 16384",
    "pg_constraint": "WHERE oid >= 16384",
    "pg_depend": "WHERE objid >= 16384 OR refobjid >= 16384",
    "pg_description": "WHERE objoid >= 16384",
    "pg_index": "WHERE indexrelid >= 16384",
    "pg_proc": "WHERE oid >= 16384",
    "pg_rewrite": "WHERE oid >= 16384",
    "pg_type": "WHERE oid >= 16384",
}

Snapshot = Mapping[str, frozenset[str]]


def snapshot(url: str) -> Snapshot:
    """Return every row of the catalog, and of every ordinary table, as text."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND c.relpersistence <> 't'"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        ).fetchall()
        connection.execute("SET row_security = off")
        names = [("pg_catalog", name) for name in _CATALOGS] + tables
        return {f"{schema}.{name}": _rows(connection, schema, name) for schema, name in names}


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """Return what differs, as lines."""
    return [
        f"{sign} {name}: {row}"
        for name in sorted({*before, *after})
        for sign, rows in (
            ("-", before.get(name, frozenset()) - after.get(name, frozenset())),
            ("+", after.get(name, frozenset()) - before.get(name, frozenset())),
        )
        for row in sorted(rows)
    ]


def _rows(connection: psycopg.Connection, schema: str, name: str) -> frozenset[str]:
    query = sql.SQL("SELECT (to_jsonb(t) - %s::text[])::text || ' ' || t.xmin FROM {} t {}").format(
        sql.Identifier(schema, name), sql.SQL(_OURS.get(name, "") if schema == "pg_catalog" else "")
    )
    return frozenset(row[0] for row in connection.execute(query, [list(_RESTLESS)]))
