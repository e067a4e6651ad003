"""Declared statements in contract: in its one transaction, with its undo, also from psql."""

from dataclasses import replace
from functools import partial

from pgtide import ReplaceColumn, Sql
from pgtide.errors import Refused
from pgtide.events import Event, WayBackClosed
from pgtide.model.state import State
from pgtide.operate.status import status_now
from pgtide.postgres.session import connect
from tests.driving import migrate, record_of, refusal, settings_for, undo
from tests.later import contract, to_verified
from tests.psql import undo_from_psql
from tests.scenarios.declared_sql import SHAPE, declared
from tests.small_table import SMALL_ID, create_small, run, small_migration

LATER = Sql(
    phase="contract", up="CREATE VIEW later AS SELECT a AS wide FROM t", down="DROP VIEW later"
)
DELETED = Sql(phase="contract", up="DELETE FROM t WHERE id = 2", irreversible="the row is gone")
FORGOTTEN = Sql(phase="finalize", up="DELETE FROM t WHERE id = 3", irreversible="the row is gone")
WIDE = (
    "SELECT format_type(atttypid, 0) FROM pg_attribute"
    " WHERE attrelid = to_regclass('public.later') AND attnum = 1"
)


def test_contract_takes_its_statements_into_its_one_transaction(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), LATER))
    assert run(database, WIDE) == []
    for _ in range(2):
        assert contract(database, SMALL_ID).state is State.CONTRACTED
        # After the swap: the view is about the new column.
        assert run(database, WIDE) == [("bigint",)]
        assert to_verified(database, SMALL_ID).state is State.VERIFIED
        assert run(database, WIDE) == []


def test_without_columns_to_swap_contract_runs_its_statements_too(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(LATER))
    contract(database, SMALL_ID)
    assert run(database, WIDE) == [("integer",)]
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, WIDE) == []


def test_a_statement_of_contract_that_fails_leaves_every_name_as_it_was(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), LATER))
    before = run(database, SHAPE)
    run(database, "CREATE TABLE public.later (a int)")
    error = refusal(lambda: contract(database, SMALL_ID))
    assert 'relation "later" already exists' in error.what
    assert run(database, SHAPE) == before


def test_from_psql_declared_statements_are_taken_back_too(database: str) -> None:
    create_small(database)
    run(database, "CREATE INDEX t_old ON public.t (a)")
    before = run(database, SHAPE)
    migrate(database, replace(declared(), changes=[*declared().changes, LATER]))
    contract(database, SMALL_ID)
    assert run(database, WIDE) == [("integer",)]
    answer = undo_from_psql(database, "1.0.0")
    assert answer.undone, answer
    assert run(database, SHAPE) == before


def test_an_irreversible_statement_of_contract_closes_the_way_back_there(database: str) -> None:
    create_small(database)
    heard: list[Event] = []
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), DELETED))
    assert available(database)
    contract(database, SMALL_ID, emit=heard.append)
    assert WayBackClosed(step="contract.shape", reason="the row is gone") in heard
    assert not available(database)
    for way in (undo, to_verified):
        error = refusal(partial(way, database, SMALL_ID))
        assert isinstance(error, Refused)
        assert "contract.shape: the row is gone" in error.what
    answer = undo_from_psql(database, "1.0.0")
    assert answer.value == ""
    assert "the row is gone" in answer.said
    assert record_of(database, SMALL_ID).state is State.CONTRACTED
    assert "pgtide down" not in comes_next(database)


def test_contract_alone_is_still_undone_where_a_step_before_it_closed_the_rest(
    database: str,
) -> None:
    create_small(database)
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), FORGOTTEN))
    assert "pgtide down" not in comes_next(database)
    contract(database, SMALL_ID)
    assert "`pgtide down 1.0.0 --to verified` undoes contract, and no more" in comes_next(database)
    run(database, "ALTER TABLE public.t DISABLE TRIGGER USER")
    assert "`pgtide down 1.0.0 --to verified`, then `pgtide up 1.0.0`" in comes_next(database)
    assert "cannot be undone any more" in refusal(lambda: undo(database, SMALL_ID)).what
    # The triggers were touched: verify comes again.
    assert to_verified(database, SMALL_ID).state is State.BACKFILLED


def comes_next(url: str) -> str:
    with connect(url, purpose="test") as session:
        return status_now(session, settings_for(url), SMALL_ID).next


def available(url: str) -> bool:
    [(found,)] = run(url, "SELECT rollback_available FROM pgtide.migration_log")
    return bool(found)
