"""What the bench makes of an application's statements: who waited, and how many had an answer."""

import time

from tests.bench.application import End
from tests.bench.load import waits


def test_a_statement_counts_from_when_it_was_due_and_towards_the_rate_when_it_is_answered() -> None:
    # When it was due, how long it took, whether it failed; the act lasts from 10 to 20.
    entries = [(9.9, 0.2, True), (12.0, 0.1, False), (13.0, 8.0, True), (20.5, 0.1, False)]
    found = waits(entries, begun=10.0, ended=20.0)
    assert found.max_ms == 8000.0
    assert found.failures == 1
    # The first was answered meanwhile, the third after the end.
    assert found.per_second == 2 / 10.0


def test_what_was_due_before_the_end_is_still_done_after_it() -> None:
    end, due = End(), time.monotonic()
    assert not end.before(due)
    end.come()
    assert not end.before(due)
    assert end.before(time.monotonic() + 60)
