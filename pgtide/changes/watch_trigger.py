"""The trigger that lets safe_rollback_migration see what is written while it archives.

That function is one transaction: a trigger of its own would be seen by nobody before it is over. So
this one is there from expand on. Its WHEN clause tries for an advisory lock that nobody holds but
an undo at work: until then, a write costs no more than that.
"""

from typing import Final

from pgtide.changes.archive_trigger import SETTINGS
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import Table
from pgtide.postgres.ddl import fill, ident, literal, relation

# "pgtw" in ASCII, beside the table's oid; `sql/undo_archive.sql` takes the same.
NAMESPACE: Final = 0x70677477


def prepare(tag: str, migration_id: str, table: Table) -> tuple[Statement, ...]:
    """Return the statement for the trigger's function.

    It runs with its owner's rights: no application has to be able to write the ledger.
    """
    late = fill(
        "INSERT INTO pgtide.archive_late (migration_id, gone, content) VALUES ({id}, ",
        id=literal(migration_id),
    )
    # The whole row as text: whatever its columns are called by then. A partition may have them in
    # another order than its table.
    old, new = (f"{one}{_as_row_of(table)}::text" for one in ("old", "new"))
    body = (
        f"\nBEGIN\nIF tg_op <> 'INSERT' THEN\n{late}true, {old});\nEND IF;\n"
        f"IF tg_op <> 'DELETE' THEN\n{late}false, {new});\nEND IF;\nRETURN NULL;\nEND\n"
    )
    function = _function(tag)
    return (
        Statement(
            sql=fill(
                "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
                " SECURITY DEFINER {settings} AS {body}",
                function=function,
                settings=SETTINGS,
                body=literal(body),
            ),
            lock=Lock.NONE,
            why="writes a row down while an undo from psql archives, and nothing else",
            undo=fill("DROP FUNCTION IF EXISTS {function}()", function=function),
        ),
    )


def trigger(tag: str, table: Table) -> tuple[Statement, ...]:
    """Return the statements that install the trigger."""
    name, where = ident(watcher(tag)), relation(table.name)
    signed = table.oid - (1 << 32) if table.oid >= 1 << 31 else table.oid
    return (
        Statement(
            sql=fill(
                "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW"
                " WHEN (NOT pg_catalog.pg_try_advisory_xact_lock_shared({namespace}, {oid}))"
                " EXECUTE FUNCTION {function}()",
                name=name,
                table=where,
                namespace=str(NAMESPACE),
                oid=str(signed),
                function=_function(tag),
            ),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            why="an undo from psql misses no write; it fires for nobody else",
            undo=fill("DROP TRIGGER IF EXISTS {name} ON {table}", name=name, table=where),
        ),
        Statement(
            sql=fill("ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}", table=where, name=name),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            why="also for sessions that replay replicated rows",
        ),
    )


def present(tag: str, table: Table) -> str:
    """Return the query that tells whether the trigger is there as it should be."""
    return fill(
        "SELECT EXISTS (SELECT FROM pg_trigger"
        " WHERE tgrelid = {oid} AND tgname = {name} AND tgenabled = 'A')"
        " AND NOT EXISTS (SELECT FROM pg_trigger c JOIN pg_trigger p ON p.oid = c.tgparentid"
        " WHERE p.tgname = {name} AND c.tgname = p.tgname AND c.tgenabled <> 'A')",
        oid=str(table.oid),
        name=literal(watcher(tag)),
    )


def _as_row_of(table: Table) -> str:
    return f"::{relation(table.name)}" if table.partitioned else ""


def watcher(tag: str) -> str:
    """Return the trigger's name."""
    return f"~zz_pgtide_{tag}_w"


def _function(tag: str) -> str:
    return ident("pgtide", f"m_{tag}_watch")
