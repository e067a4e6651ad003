"""Wide lists in thirds: a test that takes one way with many values has a third of them each day.

Three days in a row see all of them, and each day some of each list.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pytest

_THIRDS: Final = 3
# Settled once, for the processes that run tests side by side must not disagree at midnight.
_DAY: Final = "PGTIDE_TESTS_DAY"


def settle_day() -> int:
    """Return the day whose third is gone through, for this process and those that it starts."""
    return int(os.environ.setdefault(_DAY, str(datetime.now(UTC).date().toordinal())))


def of_another_day(names: Sequence[str], day: int) -> set[str]:
    """Return the cases that another day has, of each list two in three.

    A list is the cases of one test, or the tests of a file that are no cases of any.
    """
    lists = defaultdict(list)
    for name in sorted(names):
        case = name.endswith("]")
        lists[name.partition("[")[0] if case else name.partition("::")[0]].append(name)
    return {
        name
        for cases in lists.values()
        for place, name in enumerate(cases)
        if place % _THIRDS != day % _THIRDS
    }


def left_out(items: Sequence[pytest.Item], day: int) -> list[pytest.Item]:
    """Return the cases of wide lists that another day has."""
    wide = [one for one in items if one.get_closest_marker("wide")]
    others = of_another_day([one.nodeid for one in wide], day)
    return [one for one in wide if one.nodeid in others]
