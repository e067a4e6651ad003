"""Names that need care work from end to end: in every statement, forward, verified, and back."""

import psycopg
import pytest
from psycopg import sql

from pgtide import AddColumn, Index, Migration, ReplaceColumn
from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.later import contract, purge, to_verified

MIGRATION_ID = "20260101_000000_names"
NAMES = {
    "a reserved word": "select",
    "another reserved word": "user",
    "mixed case": "EmailVerified",
    "not ASCII": "prüfung_メール",
    "spaces": "e mail",
    "percent signs": "100% %s %(low)s %%",
    "braces": "{braces} {0} {",
    "double quotes": 'a "quoted" one',
    "single quotes": "it's",
    "a backslash": "back\\slash",
    "a dollar": "$1 $$ $body$",
    "a dot": "a.b",
    "a semicolon and a comment": "x; -- y /*",
    "63 bytes": "z" * 63,
    "63 bytes of two-byte letters": "é" * 31 + "x",
    "a line break": "two\nlines",
}


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def varied(name: str, mark: str) -> str:
    """Return another name of the same kind, within 63 bytes."""
    room = 63 - len(mark)
    return mark + name.encode()[:room].decode(errors="ignore")


def migration(name: str) -> Migration:
    old, key = quoted(name), quoted(varied(name, "k"))
    added, interim = varied(name, "a"), varied(name, "v")
    return Migration(
        id=MIGRATION_ID,
        version="1.0.0",
        description=name,
        table=f"{quoted(varied(name, 's'))}.{quoted(name)}",
        changes=[
            ReplaceColumn(name, type="text", interim=interim),
            ReplaceColumn(
                varied(name, "n"),
                type="bigint",
                up=f"{quoted(varied(name, 'n'))} * 2",
                down=f"({quoted(varied(name, 'n'))} / 2)::int",
            ),
            AddColumn(
                added,
                type="text",
                backfill=f"{old} || {key}::text",
                on_write=f"{old} || {key}::text",
                verify=f"{quoted(added)} = {old} || {key}::text",
            ),
            Index(varied(name, "i"), on=name, where=f"{old} <> 'none'"),
            Index(varied(name, "j"), on=(f"lower({old})", name)),
        ],
        contract_release="2.0.0",
    )


def create(connection: psycopg.Connection, name: str) -> sql.Identifier:
    table = sql.Identifier(varied(name, "s"), name)
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(varied(name, "s"))))
    connection.execute(
        sql.SQL("CREATE TABLE {} ({} int PRIMARY KEY, {} text, {} int)").format(
            table, *(sql.Identifier(n) for n in (varied(name, "k"), name, varied(name, "n")))
        )
    )
    connection.execute(
        sql.SQL("INSERT INTO {} SELECT i, 'V' || i, i FROM generate_series(1, 50) i").format(table)
    )
    # The index of that name is there already: the new one is built under another.
    connection.execute(
        sql.SQL("CREATE INDEX {} ON {} ({})").format(
            sql.Identifier(varied(name, "i")), table, sql.Identifier(name)
        )
    )
    return table


def shape(connection: psycopg.Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), t.tgname"
        "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        "  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        "  LEFT JOIN pg_trigger t ON t.tgrelid = c.oid"
        " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'pgtide')"
        " ORDER BY 1, 2, 4"
    ).fetchall()


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.wide
def test_a_name_works_forward_and_back(database: str, kind: str) -> None:
    name = NAMES[kind]
    with psycopg.connect(database, autocommit=True) as connection:
        table = create(connection, name)
        before = shape(connection)
        assert migrate(database, migration(name)).state is State.VERIFIED
        connection.execute(
            sql.SQL("UPDATE {} SET {} = 'live' WHERE {} <= 5").format(
                table, sql.Identifier(varied(name, "v")), sql.Identifier(varied(name, "k"))
            )
        )
        live = connection.execute(
            sql.SQL("SELECT count(*) FROM {} WHERE {} = 'live' AND {} LIKE 'live%'").format(
                table, sql.Identifier(name), sql.Identifier(varied(name, "a"))
            )
        ).fetchone()
        assert live == (5,)
        assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
        assert shape(connection) == before
        archived = connection.execute(
            "SELECT count(*), count(DISTINCT key) FROM pgtide.archive WHERE \"values\" <> '{}'"
        ).fetchone()
        assert archived == (50, 50)


@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.wide
def test_a_name_works_through_contract_its_undo_and_purge(database: str, kind: str) -> None:
    name = NAMES[kind]
    with psycopg.connect(database, autocommit=True) as connection:
        table = create(connection, name)
        before = shape(connection)
        migrate(database, migration(name))
        assert contract(database, MIGRATION_ID).state is State.CONTRACTED
        write(connection, table, name)
        assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
        assert shape(connection) == before
        assert written(connection, table, name) == [("final", 1), ("interim", 2), ("V3", 3)]
        assert migrate(database, migration(name)).state is State.VERIFIED
        assert contract(database, MIGRATION_ID).state is State.CONTRACTED
        write(connection, table, name)
        assert to_verified(database, MIGRATION_ID).state is State.VERIFIED
        assert contract(database, MIGRATION_ID).state is State.CONTRACTED
        assert purge(database, MIGRATION_ID).state is State.COMPLETED
        assert written(connection, table, name) == [("final", 3), ("interim", 4), ("V3", 6)]
        left = {(column, kind, by) for one, column, kind, by in shape(connection) if one == name}
        assert left == {
            (varied(name, "k"), "integer", None),
            (name, "text", None),
            (varied(name, "n"), "bigint", None),
            (varied(name, "a"), "text", None),
        }


def write(connection: psycopg.Connection, table: sql.Identifier, name: str) -> None:
    """Write by the final, the interim and the retyped name; 3 is what only the new type holds."""
    key = sql.Identifier(varied(name, "k"))
    for column, value, row in (
        (name, "final", 1),
        (varied(name, "v"), "interim", 2),
        (varied(name, "n"), 3, 1),
    ):
        connection.execute(
            sql.SQL("UPDATE {} SET {} = {} WHERE {} = {}").format(
                table, sql.Identifier(column), sql.Literal(value), key, sql.Literal(row)
            )
        )


def written(
    connection: psycopg.Connection, table: sql.Identifier, name: str
) -> list[tuple[object, ...]]:
    columns = (sql.Identifier(one) for one in (name, varied(name, "n")))
    key = sql.Identifier(varied(name, "k"))
    return connection.execute(
        sql.SQL("SELECT {}, {} FROM {} WHERE {} < 4 ORDER BY {}").format(*columns, table, key, key)
    ).fetchall()
