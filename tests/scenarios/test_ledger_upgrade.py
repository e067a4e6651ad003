"""A migration that an older pgtide has half filled goes on, and back, under the newest ledger."""

import psycopg
from psycopg import sql

from pgtide.ledger.schema import UPGRADES, install
from pgtide.model.state import State
from pgtide.postgres.session import connect
from pgtide.sql import script
from tests.driving import migrate, record_of, undo
from tests.scenarios.child import carried_out
from tests.scenarios.killed import Order
from tests.scenarios.ledger_truth import disagreements
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID, create_users, email_migration

# What the first ledger knew and the newest says otherwise.
GONE = {("slice", "passes"): "cardinality(schedule)"}
# As they refer to each other.
FIRST = (
    "migration", "run", "backend", "phase", "step", "slice", "verification", "control", "archive",
    "event",
)  # fmt: skip
COLUMNS = (
    "SELECT attname, attidentity <> '' FROM pg_attribute WHERE attrelid = %s::regclass"
    " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
)


def age(url: str) -> None:
    """Make the ledger what the first pgtide had written: its tables, its columns, its rows."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'pgtide'::regnamespace"
            " AND relkind = 'r'"
        ).fetchall()
        connection.execute("CREATE SCHEMA newest")
        for (table,) in tables:
            move = sql.SQL("ALTER TABLE pgtide.{} SET SCHEMA newest").format(sql.Identifier(table))
            connection.execute(move)
        drop_functions(connection)
        connection.execute("CREATE TABLE pgtide.upgrade (LIKE newest.upgrade INCLUDING ALL)")
        connection.execute("INSERT INTO pgtide.upgrade (number) VALUES (1)")
        connection.execute(script("ledger_001").encode())
        for table in FIRST:
            copy(connection, table)
        connection.execute("DROP SCHEMA newest CASCADE")


def drop_functions(connection: psycopg.Connection) -> None:
    """Drop the ledger's own functions; those of the migration serve its triggers."""
    for (name,) in connection.execute(
        "SELECT oid::regprocedure::text FROM pg_proc"
        " WHERE pronamespace = 'pgtide'::regnamespace AND proname !~ '^m_'"
    ).fetchall():
        connection.execute(f"DROP FUNCTION {name} CASCADE".encode())


def copy(connection: psycopg.Connection, table: str) -> None:
    now = {name for name, _ in connection.execute(COLUMNS, [f"newest.{table}"])}
    names = connection.execute(COLUMNS, [f"pgtide.{table}"]).fetchall()
    values = [
        sql.Identifier(name) if name in now else sql.SQL(GONE[table, name]) for name, _ in names
    ]
    connection.execute(
        sql.SQL(
            "INSERT INTO pgtide.{table} ({names}) OVERRIDING SYSTEM VALUE"
            " SELECT {values} FROM newest.{table}"
        ).format(
            table=sql.Identifier(table),
            names=sql.SQL(", ").join(sql.Identifier(name) for name, _ in names),
            values=sql.SQL(", ").join(values),
        )
    )
    for name, counted in names:
        if counted:
            connection.execute(
                f"SELECT setval(pg_get_serial_sequence('pgtide.{table}', %s),"
                f" (SELECT coalesce(max({name}), 0) + 1 FROM pgtide.{table}))".encode(),
                [name],
            )


def walked(url: str) -> tuple[int, int]:
    """Return how many slices are done, and how many rows the ledger counts."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FILTER (WHERE rows > 0), sum(rows)::int FROM pgtide.slice"
        ).fetchone()
    assert found is not None
    return found


def test_a_half_filled_migration_of_the_first_ledger_goes_on_and_back(database: str) -> None:
    create_users(database, rows=10_000)
    before = schema_dump(database)
    killed = carried_out(Order(url=database, at="BatchCommitted", nth=6))
    assert killed.code == -9, str(killed)
    known = walked(database)
    age(database)
    with connect(database, purpose="test") as session:
        install(session, log_schema="pgtide")
    with psycopg.connect(database) as connection:
        numbers = connection.execute("SELECT number FROM pgtide.upgrade ORDER BY 1").fetchall()
    assert [one for (one,) in numbers] == list(range(1, len(UPGRADES) + 1))
    assert walked(database) == known
    assert known[1] > 0
    assert record_of(database, MIGRATION_ID).state == "backfilling"
    assert disagreements(database) == []

    ended = carried_out(Order(url=database))
    assert ended.code == 0, str(ended)
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED
    assert disagreements(database) == []
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
    assert schema_dump(database) == before
    assert migrate(database, email_migration()).state is State.VERIFIED
