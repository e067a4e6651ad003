"""How many task runs a table makes that has more slices than anybody wants to look at.

It is a small table, cut as finely as can be, and a tenth of it is a canary: a table of any size has
at most so many groups, and a canary has its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

import pytest

from flows.migration_flow import flow_of
from flows.run import run_flow
from pgtide import Backfill
from pgtide.backfill import walk
from pgtide.ledger.run import Caller
from tests.bench.tables import STRATEGY
from tests.driving import ACTOR, settings_for
from tests.prefect_server import PrefectApi
from tests.small_table import run

# Not quite 400 pages: two for each group.
ROWS: Final = 28_500
_CANARY: Final = "10%"
# The server records what happened a few seconds ago.
_QUIET: Final = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The slices of a table, and the task runs that the server has of its whole migration."""

    slices: int
    task_runs: int


def count(api: PrefectApi, url: str) -> Counted:
    """Carry out the migration of a copy of the table; count what there is afterwards."""
    migration = replace(STRATEGY.migration(), backfill=Backfill(workers=2, canary=_CANARY))
    settings = replace(settings_for(url), prefect_api_url=api.url)
    with _cut_finely():
        run_flow(flow_of(migration, migration.id), settings, Caller(actor=ACTOR))
    [(slices,)] = run(url, "SELECT count(*) FROM pgtide.slice WHERE kind = 'walk'")
    [(flow_run,)] = run(url, "SELECT flow_run_id FROM pgtide.run")
    return Counted(slices=int(str(slices)), task_runs=_settled(api, str(flow_run)))


@contextmanager
def _cut_finely() -> Iterator[None]:
    """Cut a page at a time, to be walked once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "_SLICE_BLOCKS", 1)
        patch.setattr(walk, "_SMALL_BLOCKS", 1)
        patch.setattr(walk, "_NARROW_ROWS", 0.0)
        yield


def _settled(api: PrefectApi, flow_run: str) -> int:
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < _QUIET:
        where = {"flow_runs": {"id": {"any_": [flow_run]}}}
        now = int(api.ask("POST", "/task_runs/count", where))
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.5)
    return seen
