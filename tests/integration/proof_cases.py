"""What may happen to a verified table, what verification says of it, and what `up` makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import psycopg
import pytest

from pgtide import AddColumn
from pgtide.ledger.fingerprint import present
from pgtide.model.migration import Migration
from pgtide.postgres.session import connect
from tests.driving import record_of
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 100
TAG = email_migration().tag
INSERTED, UPDATED = f"~zz_pgtide_{TAG}_i", f"~zz_pgtide_{TAG}_u"
INDEX = f"_pgtide_{TAG}_3_idx_users_email_verified"

_TOUCH = (
    (
        "CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN new.updated_at := now(); RETURN new; END'"
    ),
    "CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touched()",
)
_OFF = f'ALTER TABLE users DISABLE TRIGGER "{UPDATED}"'
_ON = f'ALTER TABLE users ENABLE ALWAYS TRIGGER "{UPDATED}"'
_LATE = 'CREATE TRIGGER "~~~late" BEFORE {} ON users FOR EACH ROW EXECUTE FUNCTION touched()'
_RULE = "CREATE RULE nothing AS ON UPDATE TO users DO INSTEAD NOTHING"
_SAME = "DO $$ BEGIN EXECUTE pg_get_functiondef('{}'::regproc); END $$"
_OTHER = (
    f"CREATE OR REPLACE FUNCTION pgtide.m_{TAG}_sync() RETURNS trigger LANGUAGE plpgsql"
    " AS 'BEGIN RETURN new; END'"
)
_APART = "UPDATE users SET verification_token_v2 = 'other' WHERE id = 33"
_CONTRADICTED = (
    "UPDATE users SET verification_token = 'old', verification_token_v2 = 'new' WHERE id = 33"
)

# What verification says.
BY_PASSED = (
    "the triggers, functions or columns that keep both shapes in step were changed since they were"
    " made (or the table was rewritten): writes may have gone past them"
)
OUT = f"1 of {ROWS} rows are out of step"
RETYPED = "column note is character varying(40), declared character varying(20)"
HINDERED = (
    "rule nothing does something else instead of an UPDATE, so no sweep can mend a row: drop or"
    " disable it"
)
LATER = (
    "trigger ~~~late fires after {} and may undo what it does: drop it, or give it a name that"
    " sorts before"
)
NOT_COMPARED = (
    "no row could be compared: PostgreSQL refused while comparing a range: {} does not exist"
    " (SQLSTATE {})"
)


def migration() -> Migration:
    """Return the strategy's migration, with a column besides that no trigger looks at."""
    known = email_migration()
    return replace(known, changes=[*known.changes, AddColumn("note", type="varchar(20)")])


def create_touched(url: str) -> None:
    """Create the strategy's table with a trigger of the application's own."""
    create_users(url, rows=ROWS)
    run(url, *_TOUCH)


Deed = Callable[[str], None]


def doing(*statements: str) -> Deed:
    def act(url: str) -> None:
        run(url, *statements)

    return act


def unnoticed(statement: str) -> Deed:
    """Return a deed past the triggers that the fingerprint does not tell."""

    def act(url: str) -> None:
        run(url, _OFF, statement, _ON)
        with connect(url, purpose="test") as session:
            now = present(session, record_of(url, MIGRATION_ID).plan)
            session.execute("UPDATE pgtide.migration SET fingerprint = %(now)s", {"now": now})

    return act


def carcass(url: str) -> None:
    """Leave the index invalid, as a build does that was cancelled."""
    [(built,)] = run(url, f"SELECT pg_get_indexdef('\"{INDEX}\"'::regclass)")
    again = str(built).replace("INDEX", "INDEX CONCURRENTLY", 1)
    run(url, f'DROP INDEX "{INDEX}"')
    with psycopg.connect(url) as writer:
        writer.execute("UPDATE users SET name = name WHERE id = 3")
        with pytest.raises(psycopg.errors.QueryCanceled):
            run(url, "SET statement_timeout = '100ms'", again)
        writer.rollback()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Something done after expand, what verification must say of it, and what `up` makes of it.

    Where `up` cannot mend it alone, `refused` is what it says until `undone` was done.
    """

    name: str
    deed: Deed
    says: Sequence[str]
    mismatches: int = 0
    refused: str = ""
    undone: str = ""

    def __str__(self) -> str:
        return self.name


def found(*says: str) -> str:
    return f"Verification of {MIGRATION_ID} found: {'; '.join(says)}."


# What changes the fingerprint and nothing else.
_NOTICED = {
    "sync function replaced": _OTHER,
    "expression's function replaced": _SAME.format(f"pgtide.m_{TAG}_2_backfill"),
    "function of the application's trigger replaced": _SAME.format("touched"),
    "application's trigger off and on": (
        "ALTER TABLE users DISABLE TRIGGER touch; ALTER TABLE users ENABLE TRIGGER touch"
    ),
    "trigger off and on": f"{_OFF}; {_ON}",
    "rule made": _RULE,
    "column altered": "ALTER TABLE users ALTER email_verified_v2 SET STATISTICS 77",
    "table rewritten": "VACUUM FULL users",
}
_TRIGGERS = {
    "insert trigger not always": (INSERTED, 'ALTER TABLE users ENABLE TRIGGER "{}"'),
    "update trigger not always": (UPDATED, 'ALTER TABLE users ENABLE TRIGGER "{}"'),
    "insert trigger disabled": (INSERTED, 'ALTER TABLE users DISABLE TRIGGER "{}"'),
    "update trigger dropped": (UPDATED, 'DROP TRIGGER "{}" ON users'),
}
_VALUES = {
    "email_verified_v2": "NOT email_verified",
    "verification_token_v2": "'other'",
    "verified_at": "CASE WHEN verified_at IS NULL THEN now() END",
}
CASES = (
    *(Case(name=name, deed=doing(text), says=(BY_PASSED,)) for name, text in _NOTICED.items()),
    *(
        Case(
            name=name,
            deed=doing(text.format(own)),
            says=(f"trigger {own} is missing or not enabled always", BY_PASSED),
        )
        for name, (own, text) in _TRIGGERS.items()
    ),
    *(
        Case(
            name=f"trigger that fires later on {event}",
            deed=doing(_LATE.format(event)),
            says=(LATER.format(own), BY_PASSED),
            refused=found(LATER.format(own)),
            undone='DROP TRIGGER "~~~late" ON users',
        )
        for event, own in (("INSERT", INSERTED), ("UPDATE", UPDATED))
    ),
    Case(
        name="index dropped",
        deed=doing(f'DROP INDEX "{INDEX}"'),
        says=(f"index {INDEX} is missing",),
    ),
    Case(name="index invalid", deed=carcass, says=(f"index {INDEX} is invalid",)),
    Case(
        name="column dropped",
        deed=doing("ALTER TABLE users DROP note"),
        says=("column note is missing", BY_PASSED),
    ),
    Case(
        name="compared column renamed",
        deed=doing("ALTER TABLE users RENAME email_verified_v2 TO other"),
        says=(
            NOT_COMPARED.format("column t.email_verified_v2", "42703"),
            "column email_verified_v2 is missing",
            BY_PASSED,
        ),
    ),
    Case(
        name="compared function renamed",
        deed=doing(f"ALTER FUNCTION pgtide.m_{TAG}_2_verify RENAME TO other"),
        says=(
            NOT_COMPARED.format(
                f"function pgtide.m_{TAG}_2_verify(boolean, timestamp without time zone)", "42883"
            ),
            BY_PASSED,
        ),
    ),
    Case(
        name="column of another type",
        deed=doing("ALTER TABLE users ALTER note TYPE varchar(40)"),
        says=(RETYPED, BY_PASSED),
        refused=f"Somebody has altered what pgtide made for public.users: {RETYPED}.",
        undone="ALTER TABLE users ALTER note TYPE varchar(20)",
    ),
    *(
        Case(
            name=f"{column} out of step",
            deed=unnoticed(f"UPDATE users SET {column} = {value} WHERE id = 33"),
            says=(OUT,),
            mismatches=1,
        )
        for column, value in _VALUES.items()
    ),
    Case(name="contradiction", deed=doing(_CONTRADICTED), says=(OUT,), mismatches=1),
    Case(
        name="row past the triggers",
        deed=doing(_OFF, _APART, _ON),
        says=(OUT, BY_PASSED),
        mismatches=1,
    ),
    Case(
        name="row that a rule keeps from being mended",
        deed=doing(_OFF, _APART, _ON, _RULE),
        says=(OUT, HINDERED, BY_PASSED),
        mismatches=1,
        refused=found(OUT, HINDERED),
        undone="ALTER TABLE users DISABLE RULE nothing",
    ),
)
