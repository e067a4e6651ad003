"""pgtide with one worker: its phase as it is, from the first slice to the last sweep."""

from collections.abc import Callable
from functools import partial
from typing import Final

from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.phases.backfill import backfill
from pgtide.phases.forward import opened
from tests.bench.contender import Contender
from tests.driving import ACTOR, migrate, settings_for
from tests.users import email_migration


def prepare(url: str) -> Callable[[], object]:
    """Expand."""
    migrate(url, email_migration(), until=Phase.EXPAND)
    return partial(fill, url)


def fill(url: str) -> None:
    """Carry out the phase, with all that a run of pgtide's does to begin."""
    with opened(settings_for(url), Caller(actor=ACTOR), email_migration()) as run:
        backfill(run)


CONTENDER: Final = Contender(name="pgtide, 1 worker", prepare=prepare)
