"""Every shape of statement, on every kind of old column, on rows filled and not yet filled.

What is stored is compared, column by column, with an independent model of the rules (experiment 1,
design 5); rows end in step except where a statement contradicted itself, and those are counted.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from operator import itemgetter

import psycopg
import pytest
from psycopg.rows import dict_row

from pgtide import AddColumn, Migration
from pgtide.model.gate import Gate
from pgtide.model.state import Phase, State
from pgtide.postgres.embedded import Server
from tests.approving import approve
from tests.driving import migrate
from tests.later import contract
from tests.scenarios.acts import Shape
from tests.scenarios.compound_shapes import SHAPES
from tests.scenarios.sync_model import AddedRule, Model, NotNullViolated, PairRule, Row
from tests.server import fresh_database
from tests.users import (
    DEFAULTED,
    MIGRATION_ID,
    NULLABLE,
    REQUIRED,
    create_users,
    email_migration,
)

# `counted`: the triggers count what they mend besides, and that must change nothing else.
KINDS = {
    "nullable": NULLABLE,
    "defaulted": DEFAULTED,
    "required": REQUIRED,
    "counted": DEFAULTED,
}
# `expanded`: the triggers are there and no old row is filled. `verified`: all rows are.
# `contracted`: names are swapped; the rules go by names, and hold for the other columns just so.
FILLED = {
    "not filled": Phase.EXPAND,
    "filled": Phase.VERIFY,
    "contracted": Phase.CONTRACT,
}
COLUMNS = (
    "id", "email", "email_verified", "verification_token", "name", "created_at",
    "email_verified_v2", "verification_token_v2", "verified_at", "flagged_at", "seen_at",
)  # fmt: skip


def migration() -> Migration:
    """Return the strategy's example, and a column that is only ever written live.

    Nothing but a moved source may bring the trigger in for it: it has neither `verify` nor
    `backfill`. A third one has no `verify`.
    """
    example = email_migration()
    flagged = AddColumn(
        "flagged_at",
        type="timestamp",
        on_write="CASE WHEN email_verified IS NOT NULL THEN now() END",
    )
    # What is written live may be NULL where an old row's value is not: then that is the value.
    seen = AddColumn(
        "seen_at",
        type="timestamp",
        backfill="created_at",
        on_write="CASE WHEN email_verified THEN now() END",
    )
    return replace(example, changes=[*example.changes, flagged, seen])


class Tables:
    """The prepared databases, one per kind of column and state, made when first asked for."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._urls: dict[tuple[str, str], str] = {}

    def url(self, kind: str, filled: str) -> str:
        if (kind, filled) not in self._urls:
            url = self._stack.enter_context(fresh_database(self._server))
            create_users(url, rows=6, kind=KINDS[kind])
            self._migrate(url, FILLED[filled], counted=kind == "counted")
            self._urls[kind, filled] = url
        return self._urls[kind, filled]

    def _migrate(self, url: str, until: Phase, *, counted: bool) -> None:
        chosen = migration()
        if counted:
            chosen = replace(chosen, dual_write="application")
            migrate(url, chosen, until=Phase.EXPAND)
            approve(url, Gate.DUAL_WRITE_DEPLOYED)
        if until is not Phase.CONTRACT:
            migrate(url, chosen, until=until)
            return
        migrate(url, chosen)
        assert contract(url, MIGRATION_ID).state is State.CONTRACTED


@pytest.fixture(scope="module")
def tables(server: Server) -> Iterator[Tables]:
    with ExitStack() as stack:
        yield Tables(server, stack)


def rules(kind: str, now: datetime) -> Model:
    required = {"required": frozenset({"email_verified"})}.get(kind, frozenset())
    default = None if kind == "nullable" else False
    return Model(
        key="id",
        pairs=[
            PairRule(
                old=old,
                new=f"{old}_v2",
                up=itemgetter(old),
                down=itemgetter(f"{old}_v2"),
                sources=(old,),
            )
            for old in ("email_verified", "verification_token")
        ],
        added=[
            AddedRule(
                name="verified_at",
                sources=("email_verified",),
                write=lambda row: now if row["email_verified"] else None,
                fill=lambda row: row["created_at"] if row["email_verified"] else None,
                verify=lambda row: (
                    (row["email_verified"] is True) == (row["verified_at"] is not None)
                ),
            ),
            AddedRule(
                name="flagged_at",
                sources=("email_verified",),
                write=lambda row: now if row["email_verified"] is not None else None,
            ),
            AddedRule(
                name="seen_at",
                sources=("email_verified",),
                write=lambda row: now if row["email_verified"] else None,
                fill=itemgetter("created_at"),
            ),
        ],
        defaults={**dict.fromkeys(COLUMNS), "email_verified": default, "created_at": now},
        required=required,
    )


def stored(connection: psycopg.Connection) -> dict[object, Row]:
    with connection.cursor(row_factory=dict_row) as cursor:
        query = f"SELECT {', '.join(COLUMNS)} FROM public.users ORDER BY id"
        rows = cursor.execute(query.encode()).fetchall()
    return {row["id"]: dict(row) for row in rows}


def counted(connection: psycopg.Connection) -> int:
    [row] = connection.execute(
        "SELECT sequencename FROM pg_sequences WHERE schemaname = 'pgtide'"
        " AND sequencename LIKE 'm\\_%\\_conflicts'"
    ).fetchall()
    found = connection.execute(
        f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pgtide.{row[0]}".encode()
    ).fetchone()
    return int(found[0]) if found else 0


@pytest.mark.parametrize("filled", FILLED)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_statement_leaves_what_the_rules_say(
    tables: Tables, shape: Shape, kind: str, filled: str
) -> None:
    with psycopg.connect(tables.url(kind, filled)) as connection:
        if connection.info.server_version < shape.since:
            pytest.skip(f"this server has no such statement before {shape.since // 10000}")
        [(now,)] = connection.execute("SELECT now()::timestamp").fetchall()
        model = rules(kind, now)
        model.rows = stored(connection)
        model.own_triggers = list(shape.own_triggers)
        before = counted(connection)
        try:
            for act in shape.acts:
                act.effect(model)
        except NotNullViolated:
            with pytest.raises(psycopg.errors.NotNullViolation):
                run(connection, shape)
        else:
            run(connection, shape)
            assert stored(connection) == model.rows
            assert counted(connection) - before == model.conflicts
            assert model.astray() == model.contradicted
            assert model.wanting() == set()
        connection.rollback()


def run(connection: psycopg.Connection, shape: Shape) -> None:
    for act in shape.acts:
        act.run(connection)


def test_the_matrix_contradicts_and_heals_so_that_it_tests_both(tables: Tables) -> None:
    """A matrix whose cases never reach a rule would pass whatever that rule said."""
    with psycopg.connect(tables.url("nullable", "not filled")) as connection:
        rows = stored(connection)
    assert {row["email_verified"] for row in rows.values()} == {True, False, None}
    assert any(row["email_verified"] and row["email_verified_v2"] is None for row in rows.values())
    ends = {shape.name: rules("nullable", datetime(2026, 1, 1)) for shape in SHAPES}  # noqa: DTZ001
    for shape in SHAPES:
        ends[shape.name].rows = {key: dict(row) for key, row in rows.items()}
        for act in shape.acts:
            act.effect(ends[shape.name])
    assert ends["update both, contradicting"].astray()
    assert not ends["update both, contradicting, then something else: the old side wins"].astray()
