"""Contract and purge as their statements alone: without gates, states and approvals."""

import subprocess

import psycopg

from pgtide.changes.contract import after_undo, contract_step
from pgtide.changes.purge import purge_steps
from pgtide.ledger.run import Caller
from pgtide.model.migration import Migration
from pgtide.model.statement import Step
from pgtide.phases.forward import opened
from pgtide.phases.step import perform
from pgtide.postgres.catalog import read_table
from pgtide.postgres.embedded import tool
from pgtide.postgres.followers import read_followers
from pgtide.postgres.session import connect
from tests.driving import ACTOR, record_of, settings_for

_ORDINAL = 1_000


def contract(url: str, migration: Migration) -> Step:
    """Carry out contract's one step as a phase does, and return it."""
    step = contract_of(url, migration)
    _performed(url, migration, step)
    return step


def contract_of(url: str, migration: Migration) -> Step:
    """Return contract's one step, made from what the catalog shows now."""
    plan = record_of(url, migration.id).plan
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
        followers = read_followers(session, plan)
    assert followers.unfollowable == ()
    return contract_step(plan, table, followers)


def after_undo_of(url: str, migration: Migration) -> tuple[Step, ...]:
    """Return what the undo of contract's step leaves to do, made from what the catalog shows."""
    plan = record_of(url, migration.id).plan
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
        return after_undo(plan, table, read_followers(session, plan))


def purge(url: str, migration: Migration) -> None:
    """Carry out purge's steps."""
    plan = record_of(url, migration.id).plan
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
    for step in purge_steps(plan, table):
        _performed(url, migration, step)


def undone(url: str, step: Step) -> None:
    """Execute a step's undo in one transaction, as psql would."""
    with psycopg.connect(url) as connection:
        for statement in step.undo:
            connection.execute(statement.encode())


def dump(url: str) -> str:
    """Return pg_dump's text of everything but pgtide's schema, without its random key."""
    command = [str(tool("pg_dump")), "--schema-only", "--exclude-schema=pgtide", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    random = ("\\restrict", "\\unrestrict")
    return "\n".join(line for line in text.splitlines() if not line.startswith(random))


def _performed(url: str, migration: Migration, step: Step) -> None:
    with opened(settings_for(url), Caller(actor=ACTOR), migration) as run:
        perform(run, step, ordinal=_ORDINAL)
