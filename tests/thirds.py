"""Wide lists in thirds: a test that takes one way with many values has a third of them each day.

Three days in a row see all of them. Which one has which day follows from its name.
"""

import os
import zlib
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


def has_its_day(name: str, day: int) -> bool:
    """Tell whether a case is gone through on a day."""
    return zlib.crc32(name.encode()) % _THIRDS == day % _THIRDS


def left_out(items: Sequence[pytest.Item], day: int) -> list[pytest.Item]:
    """Return the cases of wide lists that another day has."""
    return [
        one for one in items if one.get_closest_marker("wide") and not has_its_day(one.nodeid, day)
    ]
