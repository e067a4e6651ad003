"""Contract of a column that changes its type under its one name, and the way back from there."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import LockNotAcquired, Refused
from pgtide.ledger.run import Caller
from pgtide.model.migration import Migration
from pgtide.model.state import State
from pgtide.phases import backward
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.later import contract, once, purge, to_verified
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, run, small_migration

BIG = 3_000_000_000
WIDER = small_migration(ReplaceColumn("a", type="bigint"))
TYPE = """
SELECT format_type(atttypid, atttypmod) FROM pg_attribute
 WHERE attrelid = 'public.t'::regclass AND attname = 'a'
"""


def wider(mode: Literal["fail", "release"]) -> Migration:
    return replace(WIDER, on_unrepresentable=mode)


@pytest.fixture
def small(database: str) -> str:
    """Give a database with the small table."""
    create_small(database)
    return database


def test_the_type_changes_under_the_one_name_and_back(small: str) -> None:
    before = dumped(small, "public.t")
    migrate(small, wider("fail"))
    verified = dumped(small, "public.t")
    contract(small, SMALL_ID, release="1.1.0")
    assert run(small, TYPE) == [("bigint",)]
    run(small, "UPDATE public.t SET a = 7777 WHERE id = 7")
    assert to_verified(small, SMALL_ID).state is State.VERIFIED
    assert dumped(small, "public.t") == verified
    assert run(small, TYPE) == [("integer",)]
    run(small, "UPDATE public.t SET a = 8888 WHERE id = 8")
    contract(small, SMALL_ID, release="1.1.0")
    values = "SELECT id, a FROM public.t WHERE id IN (7, 8, 9) ORDER BY id"
    assert run(small, values) == [(7, 7777), (8, 8888), (9, 9)]
    assert undo(small, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(small, "public.t") == before
    assert run(small, values) == [(7, 7777), (8, 8888), (9, 9)]


def test_a_write_that_the_old_shape_cannot_hold_fails_where_it_is_declared_so(small: str) -> None:
    migrate(small, wider("fail"))
    contract(small, SMALL_ID, release="1.1.0")
    with pytest.raises(psycopg.errors.NumericValueOutOfRange):
        run(small, f"UPDATE public.t SET a = {BIG} WHERE id = 7")
    assert undo(small, SMALL_ID).state is State.ROLLED_BACK
    assert run(small, "SELECT a FROM public.t WHERE id = 7") == [(7,)]


def test_a_write_that_gives_up_the_way_back_is_counted_and_undo_is_refused(small: str) -> None:
    migrate(small, wider("release"))
    contract(small, SMALL_ID, release="1.1.0")
    run(small, f"UPDATE public.t SET a = {BIG} WHERE id = 7")
    for back in (undo, to_verified):
        error = refusal(partial(back, small, SMALL_ID))
        assert isinstance(error, Refused)
        assert "cannot be undone" in error.what
    assert record_of(small, SMALL_ID).state is State.CONTRACTED
    assert run(small, "SELECT a FROM public.t WHERE id = 7") == [(BIG,)]
    assert purge(small, SMALL_ID).state is State.COMPLETED
    assert run(small, "SELECT a FROM public.t WHERE id = 7") == [(BIG,)]
    assert "pgtide" not in dumped(small, "public.t")


def test_triggers_touched_while_contracted_cost_the_proof_of_a_private_name_too(small: str) -> None:
    migrate(small, wider("fail"))
    contract(small, SMALL_ID, release="1.1.0")
    run(
        small,
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        "UPDATE public.t SET a = 4711 WHERE id = 7",
        "ALTER TABLE public.t ENABLE TRIGGER USER",
    )
    assert to_verified(small, SMALL_ID).state is State.BACKFILLED
    assert migrate(small, wider("fail")).state is State.VERIFIED
    assert refusal(lambda: to_verified(small, SMALL_ID)).exit_code == 2


@pytest.mark.parametrize("back", [undo, to_verified])
def test_a_way_back_given_up_while_undo_waits_for_its_lock_leads_forward_again(
    small: str, back: Callable[..., object]
) -> None:
    migrate(small, wider("release"))
    contract(small, SMALL_ID, release="1.1.0")
    contracted = dumped(small, "public.t")
    late = once(
        "undo.contract.shape", lambda: run(small, f"UPDATE public.t SET a = {BIG} WHERE id = 7")
    )
    error = refusal(partial(back, small, SMALL_ID, emit=late))
    assert isinstance(error, Refused)
    assert record_of(small, SMALL_ID).state is State.CONTRACTED
    assert dumped(small, "public.t") == contracted
    log = "SELECT status FROM pgtide.migration_log"
    assert run(small, log) == [("SUCCESS",)]
    assert purge(small, SMALL_ID).state is State.COMPLETED


def test_an_undo_that_failed_before_the_way_back_was_given_up_leads_forward_again(
    small: str,
) -> None:
    migrate(small, wider("release"))
    contract(small, SMALL_ID, release="1.1.0")
    with psycopg.connect(small) as reader:
        reader.execute("SELECT count(*) FROM public.t")
        brief = replace(settings_for(small), lock_tries=1)
        caller = Caller(actor=ACTOR, heeds_hold=False)
        failed = refusal(lambda: backward.undo(brief, caller, record_of(small, SMALL_ID)))
    assert isinstance(failed, LockNotAcquired)
    assert record_of(small, SMALL_ID).state is State.ROLLBACK_FAILED
    run(small, f"UPDATE public.t SET a = {BIG} WHERE id = 7")
    assert isinstance(refusal(lambda: undo(small, SMALL_ID)), Refused)
    assert record_of(small, SMALL_ID).state is State.CONTRACTED
    assert purge(small, SMALL_ID).state is State.COMPLETED
