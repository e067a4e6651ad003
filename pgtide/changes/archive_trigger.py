"""The trigger that keeps the archive true while a migration is undone.

Values that the old shape cannot hold are archived before the strong lock; what the application
writes in the meantime must not be missed, and looking for it under the lock would take as long as
the table is big.
"""

from pgtide.model.plan import ArchiveSql, Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.postgres.ddl import fill, ident, literal, relation

# The newest value wins: trigger and walk may both come by a row.
ON_CONFLICT = (
    "ON CONFLICT (migration_id, attempt, md5(key::text))"
    ' DO UPDATE SET "values" = excluded."values", at = clock_timestamp()'
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


def _body(plan: Plan, archive: ArchiveSql, attempt: int) -> str:
    return fill(
        "\nBEGIN\n"
        '  INSERT INTO pgtide.archive (migration_id, attempt, key, "values")\n'
        "  SELECT {id}, {attempt}, {key}, {values} FROM (SELECT new.*) AS t WHERE {where}\n"
        "  {conflict};\n"
        "  RETURN NULL;\nEND\n",
        id=literal(plan.migration_id),
        attempt=str(attempt),
        key=archive.key,
        values=archive.values,
        where=archive.where,
        conflict=ON_CONFLICT,
    )


def _function(function: str, body: str) -> Statement:
    return Statement(
        sql=fill(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
            " SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS {body}",
            function=function,
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
                "CREATE OR REPLACE TRIGGER {name} AFTER INSERT OR UPDATE ON {table}"
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
