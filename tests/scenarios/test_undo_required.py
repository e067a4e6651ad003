"""Undo of a NOT NULL that contract let go: at once for writes, and the rows read without a lock."""

import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import psycopg
import pytest

from pgtide.errors import Interrupted, StatementFailed
from pgtide.events import Event, Listener, StatementBegan
from pgtide.ledger.record import Record
from pgtide.model.state import State
from tests.driving import migrate, plan_of, record_of, refusal, undo
from tests.later import contract, to_verified
from tests.psql import undo_from_psql
from tests.scenarios.child import carried_out
from tests.scenarios.killed import Action, Order
from tests.schema import dumped
from tests.small_table import SMALL_ID, create_small, releasing_migration, run

READS = "undo.contract.required.read"
MIGRATION = releasing_migration()


@pytest.fixture
def shapes(database: str) -> tuple[str, str, str]:
    """Give a contracted database, with the schema of before expand and that of before contract."""
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL")
    before = dumped(database, "public.t")
    migrate(database, MIGRATION)
    verified = dumped(database, "public.t")
    contract(database, SMALL_ID, release="1.1.0")
    return database, before, verified


def at_the_read(act: Callable[[], None]) -> Listener:
    def listen(event: Event) -> None:
        if isinstance(event, StatementBegan) and event.step == READS:
            act()

    return listen


def test_the_plan_says_where_the_table_is_read_under_a_lock(database: str) -> None:
    create_small(database)
    assert not any("NOT NULL" in note for note in plan_of(database, MIGRATION).notes)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL")
    [note] = [note for note in plan_of(database, MIGRATION).notes if "NOT NULL" in note]
    assert "safe_rollback_migration is one transaction, and reads it under its lock" in note
    kept = replace(MIGRATION, on_unrepresentable="fail")
    assert not any("NOT NULL" in note for note in plan_of(database, kept).notes)


@pytest.mark.parametrize(("back", "to"), [(undo, "before"), (to_verified, "verified")])
def test_everybody_writes_and_none_writes_null_while_the_table_is_read(
    shapes: tuple[str, str, str], back: Callable[..., Record], to: str
) -> None:
    url, before, verified = shapes
    seen = []

    def write() -> None:
        with psycopg.connect(url, autocommit=True, options="-c lock_timeout=200ms") as other:
            other.execute("UPDATE public.t SET a = 7777 WHERE id = 7")
            with pytest.raises(psycopg.errors.IntegrityError):
                other.execute("UPDATE public.t SET a = NULL WHERE id = 8")
            seen.append(True)

    back(url, SMALL_ID, emit=at_the_read(write))
    assert seen == [True]
    assert dumped(url, "public.t") == {"before": before, "verified": verified}[to]
    assert run(url, "SELECT a FROM public.t WHERE id IN (7, 8) ORDER BY id") == [(7777,), (8,)]


@pytest.mark.parametrize("again", [undo, to_verified])
def test_an_undo_that_was_cut_off_before_the_read_ends_with_the_old_shape(
    shapes: tuple[str, str, str], again: Callable[..., Record]
) -> None:
    url, before, verified = shapes
    error = refusal(partial(to_verified, url, SMALL_ID, emit=at_the_read(_cut)))
    assert (type(error), record_of(url, SMALL_ID).state) == (Interrupted, State.ROLLING_BACK)
    again(url, SMALL_ID)
    assert dumped(url, "public.t") == (before if again is undo else verified)


@pytest.mark.parametrize("again", ["back", "down"])
@pytest.mark.parametrize("at", ["StepEnded:undo.contract.shape", f"StatementEnded:{READS}:0"])
def test_an_undo_killed_before_or_after_the_read_is_ended_by_the_next_process(
    shapes: tuple[str, str, str], at: str, again: Action
) -> None:
    url, before, verified = shapes
    order = Order(url=url, action="back", releasing=True)
    assert carried_out(replace(order, at=at)).code == -signal.SIGKILL
    ended = carried_out(replace(order, action=again))
    assert ended.code == 0, str(ended)
    assert dumped(url, "public.t") == (before if again == "down" else verified)


def test_from_psql_the_old_shape_is_the_same_wherever_the_undo_was_cut_off(
    shapes: tuple[str, str, str],
) -> None:
    url, before, verified = shapes
    assert undo_from_psql(url, "1.0.0").undone
    assert dumped(url, "public.t") == before
    assert migrate(url, MIGRATION).state is State.VERIFIED
    assert dumped(url, "public.t") == verified
    contract(url, SMALL_ID, release="1.1.0")
    refusal(partial(to_verified, url, SMALL_ID, emit=at_the_read(_cut)))
    assert undo_from_psql(url, "1.0.0").undone
    assert dumped(url, "public.t") == before


def test_contract_comes_again_after_its_undo_and_is_undone_again(
    shapes: tuple[str, str, str],
) -> None:
    url, before, _ = shapes
    assert to_verified(url, SMALL_ID).state is State.VERIFIED
    contract(url, SMALL_ID, release="1.1.0")
    assert undo(url, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(url, "public.t") == before


def test_a_null_that_went_past_the_triggers_is_found_and_the_undo_goes_on_once_it_is_mended(
    shapes: tuple[str, str, str],
) -> None:
    url, before, _ = shapes
    (retired,) = (one.retired for one in record_of(url, SMALL_ID).plan.replacements)
    run(
        url,
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        f'UPDATE public.t SET "{retired}" = NULL WHERE id = 7',
        "ALTER TABLE public.t ENABLE TRIGGER USER",
    )
    assert isinstance(refusal(lambda: undo(url, SMALL_ID)), StatementFailed)
    assert record_of(url, SMALL_ID).state is State.ROLLBACK_FAILED
    run(url, "UPDATE public.t SET a = 7 WHERE id = 7")
    assert undo(url, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(url, "public.t") == before


def _cut() -> None:
    raise Interrupted("cut off", state="", remedy="")
