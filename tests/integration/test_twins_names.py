"""Twins of things with names that need care; and an index of the migration that is the twin."""

import psycopg
import pytest
from psycopg import sql

from pgtide import Index, Migration, ReplaceColumn
from pgtide.model.state import State
from tests.driving import migrate, plan_of, undo
from tests.integration.test_names import NAMES, quoted, varied
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, run, small_migration

MIGRATION_ID = "20260101_000000_twin_names"


_SHAPE = """
CREATE SCHEMA {schema};
CREATE TABLE {table} (id int PRIMARY KEY, {column} text NOT NULL, {other} text);
INSERT INTO {table} SELECT g, 'v' || g, 'w' FROM generate_series(1, 30) g;
CREATE INDEX {i} ON {table} (lower({column}), {other}) INCLUDE (id) WHERE {column} <> 'WHERE';
ALTER TABLE {table} ADD CONSTRAINT {u} UNIQUE ({column}, {other}), ADD UNIQUE (id, {column}),
    ADD CONSTRAINT {c} CHECK ({column} <> {other}),
    ADD CONSTRAINT {f} FOREIGN KEY (id) REFERENCES {table};
CREATE TABLE {parent} ({column} text PRIMARY KEY);
INSERT INTO {parent} SELECT {column} FROM {table};
ALTER TABLE {table} ADD CONSTRAINT {g} FOREIGN KEY ({column}) REFERENCES {parent}
    ON UPDATE CASCADE;
CREATE STATISTICS {x} ON {column}, {other} FROM {table};
COMMENT ON CONSTRAINT {c} ON {table} IS {comment};
"""


def create(connection: psycopg.Connection, name: str) -> str:
    """Create a table of which everything is called so, or nearly so."""
    schema = varied(name, "s")
    table = sql.Identifier(schema, name)
    connection.execute(
        sql.SQL(_SHAPE).format(
            schema=sql.Identifier(schema),
            table=table,
            column=sql.Identifier(name),
            other=sql.Identifier(varied(name, "o")),
            parent=sql.Identifier(schema, varied(name, "p")),
            x=sql.Identifier(schema, varied(name, "x")),
            comment=sql.Literal(name),
            **{mark: sql.Identifier(varied(name, mark)) for mark in "iucfg"},
        )
    )
    return table.as_string(None)


@pytest.mark.untouched
@pytest.mark.parametrize("kind", NAMES)
@pytest.mark.wide
def test_twins_of_such_names_are_built_and_taken_away(database: str, kind: str) -> None:
    name = NAMES[kind]
    with psycopg.connect(database, autocommit=True) as connection:
        table = create(connection, name)
    shape = dumped(database)
    migration = Migration(
        id=MIGRATION_ID,
        version="1.0.0",
        description=name,
        table=table,
        changes=[
            ReplaceColumn(name, type="text", interim=varied(name, "v")),
            ReplaceColumn(varied(name, "o"), type="varchar", down=f"{quoted(varied(name, 'o'))}"),
        ],
        contract_release="2.0.0",
    )
    record = migrate(database, migration)
    assert record.state is State.VERIFIED
    kinds = [twin.kind for twin in record.plan.twins]
    assert {one: kinds.count(one) for one in kinds} == {
        "index": 1,
        "constraint": 4,
        "not_null": 1,
        "statistics": 1,
    }
    given = [n for twin in record.plan.twins for n in (twin.twin, twin.retired) if n]
    assert len(set(given)) == len(given)
    assert max(len(n.encode()) for n in given) <= 63
    assert undo(database, MIGRATION_ID).state is State.ROLLED_BACK
    run(database, "DROP SCHEMA pgtide CASCADE")
    assert dumped(database) == shape


def test_an_index_of_the_migration_is_the_twin_of_that_name(database: str) -> None:
    create_small(database)
    run(
        database,
        "CREATE INDEX mine ON public.t (a)",
        "CREATE INDEX other ON public.t (a DESC)",
    )
    index = Index("mine", on="a", where="a > 9")
    plan = plan_of(database, small_migration(ReplaceColumn("a", type="int"), index))
    assert sorted(twin.name for twin in plan.twins) == ["mine", "other"]
    builds = [s.sql for step in plan.finalize for s in step.statements if "CREATE" in s.sql]
    assert len(builds) == 2
    assert [text for text in builds if "> 9" in text] != []
    record = migrate(database, small_migration(ReplaceColumn("a", type="int"), index))
    assert record.plan == plan
    assert run(database, "SELECT count(*) FROM pg_index WHERE indrelid = 'public.t'::regclass") == [
        (5,)
    ]
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK


def test_a_migration_that_replaces_nothing_builds_no_twin(database: str) -> None:
    create_small(database)
    run(database, "CREATE INDEX mine ON public.t (a)")
    assert plan_of(database, small_migration(Index("new", on="a"))).twins == ()
