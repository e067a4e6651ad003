"""The trigger that keeps the archive true while a migration is undone.

Values that the old shape cannot hold are archived before the strong lock; what the application
writes in the meantime must not be missed, and looking for it under the lock would take as long as
the table is big.
"""

from dataclasses import replace
from typing import Final

from pgtide.model.plan import ArchiveSql, Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, ident, literal, relation

_INTO: Final = 'INSERT INTO pgtide.archive (migration_id, attempt, key, "values")'
_TAKEN: Final = "ON CONFLICT (migration_id, attempt, md5(key::text))"
# A write is the newest word on its row.
_REPLACE: Final = f'{_TAKEN} DO UPDATE SET "values" = excluded."values", at = clock_timestamp()'
# The walk may have read a row before a write that has come by meanwhile.
_LEAVE: Final = f"{_TAKEN} DO NOTHING"
# Keys are written as the walk's session writes them, whatever the writer has set.
SETTINGS: Final = (
    "SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET DateStyle = 'ISO'"
    " SET IntervalStyle = 'postgres' SET bytea_output = 'hex' SET extra_float_digits = 1"
)


def capture(plan: Plan, archive: ArchiveSql, *, attempt: int) -> Step:
    """Return the step that installs the trigger.

    Its function runs with its owner's rights: no application has to be able to write the archive.
    """
    name = f"~zz_pgtide_{plan.tag}_a"
    function = ident("pgtide", f"m_{plan.tag}_archive")
    return Step(
        name="rollback.capture",
        phase=Phase.ROLLBACK,
        statements=(
            _function(function, _body(plan, archive, attempt)),
            *_trigger(name, function, relation(plan.table)),
        ),
        present=fill(
            "SELECT EXISTS (SELECT FROM pg_trigger"
            " WHERE tgrelid = {oid} AND tgname = {name} AND tgenabled = 'A')",
            oid=str(plan.table_oid),
            name=literal(name),
        ),
    )


def walking(plan: Plan, archive: ArchiveSql, leaf: TableName, *, attempt: int) -> tuple[str, str]:
    """Return head and tail of the statement that archives the rows of a leaf, as `t`.

    A test goes between.
    """
    return f"{_kept(plan, archive, attempt)} FROM ONLY {relation(leaf)} AS t", f" {_LEAVE}"


def _kept(plan: Plan, archive: ArchiveSql, attempt: int) -> str:
    return fill(
        "{into} SELECT {id}, {attempt}, {key}, {values}",
        into=_INTO,
        id=literal(plan.migration_id),
        attempt=str(attempt),
        key=archive.key,
        values=archive.values,
    )


def _body(plan: Plan, archive: ArchiveSql, attempt: int) -> str:
    """Return the function's body.

    Empty values say that a row is gone or holds none any more: what the walk has read of it is old.
    """
    new = f"{_kept(plan, archive, attempt)} FROM (SELECT new.*) AS t"
    if not plan.key:
        # The whole row is its key: a twin may live on, so nothing is ever emptied.
        return f"\nBEGIN\n{new} WHERE {archive.where}\n{_REPLACE};\nRETURN NULL;\nEND\n"
    gone = replace(archive, values="'{}'::jsonb")
    return (
        f"\nBEGIN\nIF tg_op <> 'INSERT' THEN\n{_kept(plan, gone, attempt)}"
        f" FROM (SELECT old.*) AS t\n{_REPLACE};\nEND IF;\n"
        f"IF tg_op <> 'DELETE' THEN\n{new}\n{_REPLACE};\nEND IF;\nRETURN NULL;\nEND\n"
    )


def _function(function: str, body: str) -> Statement:
    return Statement(
        sql=fill(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
            " SECURITY DEFINER {settings} AS {body}",
            function=function,
            settings=SETTINGS,
            body=literal(body),
        ),
        lock=Lock.NONE,
        why="writes a row's values to pgtide.archive, and nothing else",
        undo=fill("DROP FUNCTION IF EXISTS {function}()", function=function),
    )


def _trigger(name: str, function: str, table: str) -> tuple[Statement, Statement]:
    return (
        Statement(
            sql=fill(
                "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION {function}()",
                name=ident(name),
                table=table,
                function=function,
            ),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            why="no write can be missed while the archive is filled",
            undo=fill("DROP TRIGGER IF EXISTS {name} ON {table}", name=ident(name), table=table),
        ),
        Statement(
            sql=fill(
                "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}", table=table, name=ident(name)
            ),
            lock=Lock.SHARE_ROW_EXCLUSIVE,
            why="also for sessions that replay replicated rows",
        ),
    )
