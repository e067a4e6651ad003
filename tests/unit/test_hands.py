"""How many workers fill a table at once: as many as nobody else needs, and why so many."""

import pytest

from pgtide import Backfill
from pgtide.backfill.hands import hands
from pgtide.postgres.activity import Capacity


@pytest.mark.parametrize(
    ("capacity", "number", "why"),
    [
        (Capacity(cores=2, busy=0), 2, "has 2 cores, and nobody else is at work"),
        # At this moment none of them is: but a statement comes every few milliseconds.
        (Capacity(cores=2, busy=0, used=True), 1, "and others were at work on it a moment ago"),
        (Capacity(cores=2, busy=2, used=True), 1, "2 other sessions are"),
        (Capacity(cores=8, busy=0, used=True), 7, "a moment ago"),
        (Capacity(cores=8, busy=3, used=True), 5, "3 other sessions are"),
        (Capacity(cores=64, busy=0), 8, "64 cores"),
        (Capacity(cores=None, busy=0), 2, "does not say how many cores"),
        (Capacity(cores=1, busy=0, used=True), 1, "1 cores"),
    ],
)
def test_workers_leave_the_others_their_cores(capacity: Capacity, number: int, why: str) -> None:
    found = hands(Backfill(), None, capacity)
    assert found.number == number
    assert why in found.why


def test_what_somebody_has_said_comes_before_what_the_server_has() -> None:
    busy = Capacity(cores=2, busy=2, used=True)
    assert hands(Backfill(workers=3), None, busy).number == 3
    assert hands(Backfill(workers=3), 4, busy).number == 4
