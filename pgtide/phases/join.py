"""Join: more workers, from another process or machine, at a backfill that is under way."""

from contextlib import suppress
from functools import partial
from typing import Final

from pgtide.backfill import statements
from pgtide.backfill.crew import Crew, Works
from pgtide.backfill.hands import hands
from pgtide.backfill.mishaps import Rewritten
from pgtide.backfill.spread import Group, side_by_side
from pgtide.backfill.throttle.opened import throttled
from pgtide.errors import Fenced
from pgtide.ledger import claims, slices
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Kind
from pgtide.model.state import State
from pgtide.postgres.activity import capacity

# How soon it is noticed that there is work again: a slice given back, a round of the sweep.
_POLL: Final = 0.2


def join(run: Run) -> int:
    """Take slices until the backfill is over; return how many rows were filled here.

    Raises what ended the work of any worker. The run that was joined finishes the phase: it waits
    for what is claimed here.
    """
    many = hands(run.plan.filling, run.settings.workers, capacity(run.session))
    rows = 0
    try:
        with throttled(run, workers=many.number) as before, Crew(run, many, before) as crew:
            while run.plan.backfill and run.record.state is State.BACKFILLING:
                run.check()
                works = partial(statements.filling, run.plan, run.plan.backfill)
                rows += _help(crew, works, many.number)
                run.clock.sleep(_POLL)
    except Fenced:
        if run.record.state is State.BACKFILLING:
            raise
    return rows


def _help(crew: Crew, works: Works, workers: int) -> int:
    """Take what is free of the round that is under way; return how many rows were filled."""
    free = _free(crew.run)
    if not free:
        crew.give_back()
        return 0
    filled: list[int] = []
    # The run that was joined cuts a rewritten table anew.
    with suppress(Rewritten), crew.round(min(workers, len(free))):
        side_by_side(lambda one: _noted(filled, crew.fill(works, one.slices)), free, workers)
    return sum(filled)


def _noted(filled: list[int], rows: int) -> int:
    filled.append(rows)
    return rows


def _free(run: Run) -> list[Group]:
    """Return the free slices, from the end: the run that was joined comes from the start."""
    silence = run.settings.lease.total_seconds()
    for kind in (Kind.WALK, Kind.SWEEP):
        number = slices.open_round(run.session, run.lease, kind)
        if number is not None:
            free = claims.free(run.session, run.lease, kind, round_=number, silence=silence)
            return [
                Group(number=n, of=len(free), slices=(one,))
                for n, one in enumerate(reversed(free), start=1)
            ]
    return []
