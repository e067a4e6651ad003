"""Whatever the table, the change and the writers: nothing is lost, nothing is left over.

A case is drawn whole: a table, its migration, what is written when, and how it ends. What each
acknowledged write means is told by a model of the rules. `make properties` goes through new cases.
"""

from collections import Counter

import pytest
from hypothesis import given, settings

from pgtide.postgres.embedded import Server
from tests.scenarios.drawn.case import Case, Fate, cases
from tests.scenarios.drawn.play import play
from tests.scenarios.drawn.reached import Reached
from tests.server import fresh_database

# How many cases of nine end so: contract takes a backup, which is most of the time a case takes.
SHARES = {
    Fate.UNDONE: 5,
    Fate.UNDONE_UNFILLED: 1,
    Fate.CONTRACTED_UNDONE: 2,
    Fate.PURGED: 1,
}
LATE = {Reached.WRITTEN_CONTRACTED}
MUST = {
    Fate.UNDONE: set(Reached) - LATE,
    Fate.UNDONE_UNFILLED: set[Reached](),
    Fate.CONTRACTED_UNDONE: LATE,
    Fate.PURGED: LATE,
}


@pytest.mark.parametrize("fate", Fate, ids=str)
def test_no_write_is_lost_and_nothing_is_left_over(server: Server, fate: Fate) -> None:
    """What the cases never come to would pass whatever became of it, so that is asked for too."""
    reached: Counter[Reached] = Counter()
    profile = settings.get_profile("drawn")
    share = SHARES[fate] / sum(SHARES.values())

    @settings(profile, max_examples=round(profile.max_examples * share) or 1)
    @given(case=cases(fate))
    def holds(case: Case) -> None:
        with fresh_database(server) as url:
            reached.update(play(url, case))

    holds()
    assert MUST[fate] - reached.keys() == set(), reached
