"""After a withdrawn verification `up` sweeps, and does nothing twice that is not its own."""

from functools import partial

import pytest

from pgtide import AddColumn, Index, Sql
from pgtide.events import Event, Listener, PhaseBegan
from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.phases.verify_again import verify_again
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.small_table import SMALL_ID, create_small, run, small_migration

_ONCE = Sql(
    up="ALTER TABLE public.t ADD CONSTRAINT named CHECK (a > 0) NOT VALID",
    down="ALTER TABLE public.t DROP CONSTRAINT named",
    phase="expand",
)
_ADDED = AddColumn("b", type="int", backfill="a", on_write="a")


def straight_on() -> Listener:
    """Return a listener that ends a run which begins a phase for the second time."""
    begun: list[str] = []

    def hear(event: Event) -> None:
        if isinstance(event, PhaseBegan):
            assert event.phase not in begun
            begun.append(event.phase)

    return hear


@pytest.mark.parametrize(
    "changes",
    [[], [_ONCE], [_ADDED, _ONCE]],
    ids=["no expand", "declared alone", "declared besides"],
)
def test_up_after_a_withdrawn_verification_does_nothing_declared_again(
    database: str, changes: list[AddColumn | Sql]
) -> None:
    """The sweep ran every step of expand again, and with it what the author had declared.

    That failed: the constraint was there. Where expand had no step, the sweep stayed due, and `up`
    went round in circles.
    """
    declared = small_migration(*changes, Index("t_a", on="a"))
    create_small(database)
    migrate(database, declared)
    run(database, "DROP INDEX t_a")
    again = partial(verify_again, settings_for(database), Caller(actor=ACTOR))
    error = refusal(lambda: again(record_of(database, SMALL_ID)))
    assert error.what.endswith("found: index t_a is missing.")
    record = migrate(database, declared, emit=straight_on())
    assert (record.state, record.sweep_due) == (State.VERIFIED, False)
