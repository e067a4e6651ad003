"""Long work outside of a phase that an operator's hold, or a newer run, stops all the same."""

from dataclasses import replace

from pgtide.events import Event
from pgtide.ledger.run import Caller, Run


def heeding(run: Run) -> Caller:
    """Return the run's caller, whom an operator's hold stops at the next chunk or part."""

    def emit(event: Event) -> None:
        run.check()
        run.emit(event)

    return replace(run.caller, emit=emit)
