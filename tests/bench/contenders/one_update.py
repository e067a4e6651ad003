"""All rows in one UPDATE, beside the triggers that keep the shapes in step."""

from collections.abc import Callable
from functools import partial
from typing import Final

from pgtide.model.state import Phase
from tests.bench.contender import Contender
from tests.bench.dataset import FILL, TABLE
from tests.driving import migrate
from tests.small_table import run
from tests.users import email_migration


def prepare(url: str) -> Callable[[], object]:
    """Expand as pgtide does: the columns are there, and every write is kept in step."""
    migrate(url, email_migration(), until=Phase.EXPAND)
    return partial(run, url, f"UPDATE {TABLE} SET {FILL}")


CONTENDER: Final = Contender(name="one UPDATE", prepare=prepare)
