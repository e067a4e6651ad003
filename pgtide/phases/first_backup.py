"""The phase before expand: a way back from disaster, tried before anything is changed."""

from contextlib import ExitStack

from pgtide.ledger.run import Run
from pgtide.model.state import Phase
from pgtide.phases.backup import prepared, take
from pgtide.phases.conduct import conducted
from pgtide.phases.fresh_backup import relied_on
from pgtide.phases.heeding import heeding


def first_backup(run: Run) -> None:
    """Take a backup and try it, unless this attempt has one; raises Refused before it begins."""
    caller, record = heeding(run), run.record
    with ExitStack() as stack:
        found = relied_on(run.session, run.settings, caller, record)
        # What forbids a backup is said while nothing has changed, not even the state.
        work = None if found else stack.enter_context(prepared(run.settings, caller, record))
        with conducted(run, Phase.BACKUP) as outcome:
            if work is not None:
                found = take(work)
            outcome.rows = found.content.rows if found and found.content else None
