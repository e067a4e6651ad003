"""Pairs whose sides are not equal: a value may be lost on the way back, or have no way back.

The table stands between expand and contract, where no release knows the private name yet; after
contract the same triggers serve the old name, so both directions are written here.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg.types.string import TextLoader

from pgtide import Migration, ReplaceColumn
from pgtide.model.state import Phase
from pgtide.postgres.embedded import Server
from tests.driving import migrate
from tests.scenarios.acts import Act, Shape, insert, update
from tests.scenarios.sync_model import Model, PairRule, Row, Value
from tests.server import fresh_database

MIGRATION_ID = "20260101_000000_pair"
# Stands for the private name until the plan has given it.
NEW = "{new}"
INT_MAX = 2**31 - 1


class Unrepresentable(Exception):
    """The old column has no value that says the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A pair: its declaration, its two functions in Python, and values worth writing."""

    type: str
    change: ReplaceColumn
    up: Value
    down: Value
    there: tuple[object, ...]
    old_values: tuple[object, ...]
    new_values: tuple[object, ...]


def to_number(row: Row) -> object:
    return None if row["old"] is None else int(str(row["old"]))


def to_code(row: Row) -> object:
    return None if row[NEW] is None else str(row[NEW]).rjust(3, "0")[:3]


def to_status(row: Row) -> object:
    names: dict[object, object] = {True: "active", False: "suspended"}
    return names.get(row["old"])


def from_status(row: Row) -> object:
    return None if row[NEW] is None else row[NEW] == "active"


def narrowed(row: Row) -> object:
    value = row[NEW]
    if isinstance(value, int) and value > INT_MAX:
        raise Unrepresentable
    return value


CASES = {
    # '7' and '007' are the same number: none of them may be rewritten to the other.
    "a code that is padded on the way back": Case(
        type="text",
        change=ReplaceColumn("old", type="int", up="old::int", down="lpad(old::text, 3, '0')"),
        up=to_number,
        down=to_code,
        there=("007", "7", "042", None),
        old_values=("7", "007", "12", None),
        new_values=(7, 12, None),
    ),
    # The new side knows more: a deleted account must not become a suspended one.
    "a flag that becomes a status": Case(
        type="boolean",
        change=ReplaceColumn(
            "old",
            type="text",
            up="CASE WHEN old THEN 'active' WHEN NOT old THEN 'suspended' END",
            down="old = 'active'",
        ),
        up=to_status,
        down=from_status,
        there=(True, False, None),
        old_values=(True, False, None),
        new_values=("active", "suspended", "deleted", None),
    ),
    "an integer that becomes a bigint": Case(
        type="integer",
        change=ReplaceColumn("old", type="bigint"),
        up=lambda row: row["old"],
        down=narrowed,
        there=(1, INT_MAX, None),
        old_values=(5, None),
        new_values=(5, INT_MAX, INT_MAX + 1, None),
    ),
    # json has no equality: two spellings of one document are two values.
    "a json document": Case(
        type="json",
        change=ReplaceColumn("old", type="json"),
        up=lambda row: row["old"],
        down=lambda row: row[NEW],
        there=('{"a": 1}', '{"a":1}', None),
        old_values=('{"a": 1}', '{"b":  2}', None),
        new_values=('{"a":1}', '{"a": 1}', None),
    ),
}


def shapes(case: Case) -> Iterator[Shape]:
    """Return every write of the pair's values, by either name and by both."""
    keys = range(1, len(case.there) + 1)
    rows = [{"old": value} for value in case.old_values]
    rows += [{NEW: value} for value in case.new_values]
    rows += [{"old": a, NEW: b} for a, b in product(case.old_values, case.new_values)]
    for given in rows:
        yield Shape(name=f"insert {given}", acts=[insert({"id": 101, **given})])
        for key in keys:
            yield Shape(name=f"update {key} {given}", acts=[update(dict(given), keys=(key,))])
            healing = [update(dict(given), keys=(key,)), update({"note": "x"}, keys=(key,))]
            yield Shape(name=f"update {key} {given} and its note", acts=healing)
    # From a contradiction into step again: the old side was written, and wins.
    for a, b, c in product(case.old_values, case.new_values, case.old_values):
        mended = [update({"old": a, NEW: b}, keys=(1,)), update({"old": c}, keys=(1,))]
        yield Shape(name=f"update 1 to {a} and {b}, then {c}", acts=mended)
    yield Shape(name="update the notes", acts=[update({"note": "x"}, keys=tuple(keys))])


class Tables:
    """The prepared databases, one per pair and state, made when first asked for."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._made: dict[tuple[str, Phase], tuple[str, str]] = {}

    def table(self, name: str, until: Phase) -> tuple[str, str]:
        """Return the address, and the private name of the new column."""
        if (name, until) not in self._made:
            url = self._stack.enter_context(fresh_database(self._server))
            create(url, CASES[name])
            plan = migrate(url, migration(CASES[name]), until=until).plan
            self._made[name, until] = (url, plan.expected.columns[0][0])
        return self._made[name, until]


@pytest.fixture(scope="module")
def tables(server: Server) -> Iterator[Tables]:
    with ExitStack() as stack:
        yield Tables(server, stack)


def create(url: str, case: Case) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"CREATE TABLE public.users (id int PRIMARY KEY, old {case.type}, note text)".encode()
        )
        for key, value in enumerate(case.there, start=1):
            connection.execute("INSERT INTO public.users VALUES (%s, %s)", (key, value))


def migration(case: Case) -> Migration:
    return Migration(
        id=MIGRATION_ID,
        version="1.0.0",
        description="a pair",
        table="public.users",
        changes=[case.change],
        contract_release="2.0.0",
    )


@pytest.mark.wide
@pytest.mark.parametrize("until", [Phase.EXPAND, Phase.VERIFY], ids=["not filled", "filled"])
@pytest.mark.parametrize("name", CASES)
def test_both_sides_of_a_pair_follow_the_one_that_was_written(
    tables: Tables, name: str, until: Phase
) -> None:
    url, new = tables.table(name, until)
    with psycopg.connect(url) as connection:
        connection.adapters.register_loader("json", TextLoader)
        for shape in shapes(CASES[name]):
            expected = model(connection, CASES[name], new)
            before = counted(connection)
            try:
                for act in shape.acts:
                    act.effect(expected)
            except Unrepresentable:
                with pytest.raises(psycopg.errors.NumericValueOutOfRange):
                    run(connection, shape, new)
            else:
                run(connection, shape, new)
                assert stored(connection, new) == expected.rows, shape.name
                assert counted(connection) - before == expected.conflicts, shape.name
                assert expected.astray() == expected.contradicted, shape.name
            connection.rollback()


def test_a_finer_value_of_the_new_side_outlives_backfill_and_sweep(database: str) -> None:
    """A one-sided sweep turned 'deleted' into 'suspended' in the experiment."""
    case = CASES["a flag that becomes a status"]
    create(database, case)
    new = migrate(database, migration(case), until=Phase.EXPAND).plan.expected.columns[0][0]
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"UPDATE public.users SET {new} = 'deleted' WHERE id = 2".encode())
        migrate(database, migration(case))
        rows = connection.execute(f"SELECT old, {new} FROM public.users ORDER BY id".encode())
        assert rows.fetchall() == [(True, "active"), (False, "deleted"), (None, None)]


def model(connection: psycopg.Connection, case: Case, new: str) -> Model:
    return Model(
        key="id",
        pairs=[PairRule(old="old", new=NEW, up=case.up, down=case.down, sources=("old",))],
        added=[],
        defaults=dict.fromkeys(("id", "old", "note", NEW)),
        required=frozenset(),
        rows=stored(connection, new),
    )


def stored(connection: psycopg.Connection, new: str) -> dict[object, Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute("SELECT * FROM public.users ORDER BY id").fetchall()
    return {row["id"]: {NEW if k == new else k: v for k, v in row.items()} for row in rows}


def run(connection: psycopg.Connection, shape: Shape, new: str) -> None:
    for act in shape.acts:
        named = Act(text=act.text.replace(NEW, new), effect=act.effect)
        named.run(connection)


def counted(connection: psycopg.Connection) -> int:
    [row] = connection.execute(
        "SELECT coalesce(last_value, 0) FROM pg_sequences WHERE sequencename LIKE '%conflicts'"
    ).fetchall()
    return int(row[0])
