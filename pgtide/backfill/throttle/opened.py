"""The valve of a run: its signals and their limits, as its migration declares them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from pgtide.backfill.throttle.chosen import chosen, declared
from pgtide.backfill.throttle.reader import Reader
from pgtide.backfill.throttle.valve import Valve
from pgtide.backfill.throttle.wait import Before, wait_until_clear
from pgtide.ledger.run import Run
from pgtide.model.throttle import Throttle
from pgtide.postgres.ddl import search_path


@contextmanager
def throttled(run: Run, *, workers: int) -> Iterator[Before]:
    """Yield what a worker does before each batch, for as long as the block runs: it waits."""
    with valve_of(run, run.plan.filling.throttle) as valve:
        if workers == 1:
            # One worker keeps to one core, and the first look before it, which is the longest: the
            # other core may be all that the application has.
            valve.looked()
        yield partial(wait_until_clear, valve)


def valve_of(run: Run, throttle: Throttle) -> Valve:
    """Return the valve of a run, not opened yet; what the settings switch off is not watched."""
    off = run.settings.throttle_off
    params = {
        "oid": run.plan.table_oid,
        "run": run.lease.run_id,
        "id": run.lease.migration_id,
        "attempt": run.lease.attempt,
    }
    reader = Reader(
        [one for one in chosen(throttle, table=str(run.plan.table)) if one.name not in off],
        [one for one in declared(throttle) if one.name not in off],
        params,
        search_path=search_path(run.plan.table),
    )
    return Valve(run.settings, run.lease, reader, clock=run.clock)
