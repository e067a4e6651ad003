"""Whatever the table, the change and the writers: nothing is lost, nothing is left over.

A case is drawn whole: a table, its migration, what is written when, and how it ends. What each
acknowledged write means is told by a model of the rules. `make properties` goes through new cases.
"""

from collections import Counter

from hypothesis import given, settings

from pgtide.postgres.embedded import Server
from tests.scenarios.drawn.case import Case, Fate, cases
from tests.scenarios.drawn.play import play
from tests.scenarios.drawn.reached import Reached
from tests.server import fresh_database


def test_no_write_is_lost_and_nothing_is_left_over(server: Server) -> None:
    """What the cases never come to would pass whatever became of it, so that is asked for too."""
    reached: Counter[Reached | Fate] = Counter()

    @settings.get_profile("drawn")
    @given(case=cases())
    def holds(case: Case) -> None:
        with fresh_database(server) as url:
            reached.update(play(url, case))

    holds()
    missed = {*Reached, *Fate} - reached.keys()
    assert missed == set(), reached
