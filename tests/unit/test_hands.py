"""How many workers fill a table at once: as many as nobody else needs, and why so many."""

import pytest

from pgtide import Backfill
from pgtide.backfill.hands import hands
from pgtide.postgres.activity import Capacity


@pytest.mark.parametrize(
    ("capacity", "number", "why"),
    [
        (Capacity(cores=2), 2, "has 2 cores, and nobody else is at work on it"),
        # At this moment none of them is: but a statement comes every few milliseconds.
        (Capacity(cores=2, lately=6), 1, "and others were at work on it a moment ago"),
        (Capacity(cores=2, others=2, lately=6), 1, "2 other sessions are at work on it"),
        (Capacity(cores=8, lately=40), 7, "a moment ago"),
        (Capacity(cores=8, others=3, lately=40), 5, "3 other sessions are"),
        # Whoever joins does not take the core that the first has left.
        (Capacity(cores=4, ours=3, lately=1), 1, "3 other sessions are"),
        (Capacity(cores=8, ours=1), 7, "1 other session is"),
        (Capacity(cores=2, hidden=3), 1, "3 sessions show nothing to this role"),
        (Capacity(cores=64), 8, "64 cores"),
        (Capacity(cores=None), 2, "does not say how many cores"),
        (Capacity(cores=1, lately=1), 1, "1 cores"),
    ],
)
def test_workers_leave_the_others_their_cores(capacity: Capacity, number: int, why: str) -> None:
    found = hands(Backfill(), None, capacity)
    assert found.number == number
    assert why in found.why


def test_what_somebody_has_said_comes_before_what_the_server_has() -> None:
    busy = Capacity(cores=2, others=2, lately=2)
    assert hands(Backfill(workers=3), None, busy).number == 3
    assert hands(Backfill(workers=3), 4, busy).number == 4


def test_fewer_are_at_work_beside_who_comes_later_and_all_again_when_they_have_gone() -> None:
    found = hands(Backfill(), None, Capacity(cores=4))
    assert found.number == 4
    assert found.beside(Capacity(cores=None)) == 4
    # Of pgtide's own those of another process, or of another run.
    assert found.beside(Capacity(cores=None, ours=2)) == 2
    assert found.beside(Capacity(cores=None, ours=2, others=1)) == 1
    assert found.beside(Capacity(cores=None, lately=9)) == 3
    assert found.beside(Capacity(cores=None, others=3)) == 1
    assert found.beside(Capacity(cores=None, others=9)) == 1


def test_as_many_as_began_are_at_work_at_most() -> None:
    found = hands(Backfill(), None, Capacity(cores=4, others=2))
    assert found.number == 2
    assert found.beside(Capacity(cores=None)) == 2
    assert hands(Backfill(), None, Capacity(cores=64)).beside(Capacity(cores=None, others=3)) == 8


def test_as_many_as_somebody_has_said_are_at_work_whoever_comes() -> None:
    assert (
        hands(Backfill(workers=3), None, Capacity(cores=4)).beside(Capacity(cores=None, others=9))
        == 3
    )
