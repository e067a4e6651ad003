"""Backfill, as a task, with a task run of its own for each group of slices.

At most 200 groups, whatever the table's size: a task run costs the server 20 kB and some 10 ms.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

from prefect.exceptions import Pause
from prefect.futures import PrefectFuture, as_completed

from pgtide.backfill.spread import Group, Spread
from pgtide.ledger.run import Run
from pgtide.phases.backfill import backfill as carry_out
from tasks.door import door, outcome


@door("backfill", called="backfill {run.plan.table.name}")
def backfill(run: Run, spread: Spread) -> None:
    """Carry out the phase."""
    carry_out(run, spread)


@door("backfill group", called="backfill group {group.number} of {group.of}")
def fill(work: Callable[[Group], int], group: Group) -> int:
    """Fill one group; return its rows."""
    return work(group)


def one_task_each(work: Callable[[Group], int], groups: Sequence[Group], workers: int) -> None:
    """Work each group in a task run of its own; raises the error of the first that fails.

    One more at a time than there are workers, who are lent by the work itself: else each would
    stand idle for the 20 ms in which a task run is begun. The others are submitted when one before
    has ended, so that a pause or a failure leaves no trail of task runs that never started.
    """
    waiting, running = deque(groups), set[PrefectFuture[Any]]()
    while waiting or running:
        try:
            while waiting and len(running) <= workers:
                running.add(fill.submit(work, waiting.popleft()))
            done = next(as_completed(list(running)))
            running.discard(done)
            # Until it was waited for, a future asks the server, which hears of the end a moment
            # later.
            done.wait()
            outcome(done.state)
        except BaseException:
            _await(running)
            raise


def _await(running: Iterable[PrefectFuture[Any]]) -> None:
    """Wait for those at work, who stop at their next batch; the first error is the one to show."""
    for one in running:
        # A flow run that is paused on the server says so wherever anything is waited for.
        with suppress(Exception, Pause):
            one.wait()
