"""pgtide's backfill as a flow, as `tests.bench.worker` is without one.

`python -m tests.bench.flow_worker URL TABLE WORKERS FAVOUR API [awaited]` says `ready`, waits for
`go`, runs the migration's flow to the end of the phase, and prints what was seen of it.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

from prefect.artifacts import create_markdown_artifact

from flows.delivery import deliver
from flows.migration_flow import flow_of
from flows.run import run_flow
from pgtide import Migration
from pgtide.events import BatchCommitted, Event
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.settings import Settings
from tests.bench.tables import TABLES
from tests.bench.walked import Walked, watching
from tests.bench.worker import GO, READY, Hands, declared
from tests.driving import ACTOR, settings_for

AWAITED: Final = "awaited"


def work(settings: Settings, migration: Migration, *, awaited: bool) -> Walked:
    """Run the flow, with all that people see of it."""
    with watching() as watch:
        emit = _posting(watch.heard) if awaited else watch.heard
        caller = Caller(actor=ACTOR, emit=emit)
        run_flow(flow_of(migration, migration.id), settings, caller, until=Phase.BACKFILL)
        return watch.walked()


def _posting(then: Callable[[Event], None]) -> Callable[[Event], None]:
    def heard(event: Event) -> None:
        if isinstance(event, BatchCommitted):
            create_markdown_artifact(f"{event.rows} rows", key="batch")
        then(event)

    return heard


def main() -> None:
    """Work when told to."""
    url, name, workers, favour, api_url, *rest = sys.argv[1:]
    hands = Hands.told(workers, favour)
    migration = declared(TABLES[name], hands)
    settings = replace(settings_for(url), prefect_api_url=api_url)
    print(READY, end="", flush=True)
    if sys.stdin.readline() == GO:
        walked = work(settings, migration, awaited=AWAITED in rest)
        print(json.dumps(asdict(walked)), flush=True)
        deliver()


if __name__ == "__main__":
    main()
