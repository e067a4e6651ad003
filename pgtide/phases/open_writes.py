"""Wait for what others have written and not committed yet, without keeping anybody waiting."""

from typing import Final

from pgtide.errors import LockNotAcquired
from pgtide.ledger import audit
from pgtide.ledger.run import Run
from pgtide.phases.step import waited
from pgtide.postgres.activity import Blocker, writers
from pgtide.postgres.locks import LockTry

_STEP: Final = "verify.open_writes"
# A write of the application's ends within the first look or two, and is not worth a word.
_LOOKS: Final = 20
_PAUSE: Final = 0.2


def outlast_writers(run: Run) -> None:
    """Wait until all who may have written the table by now have ended.

    Raises LockNotAcquired where one does not, after as many tries as a lock gets.
    """
    begun, tries = run.clock.monotonic(), run.settings.lock_tries
    found = writers(run.session, run.plan.table_oid)
    # Who came later counts as unseen: only those of the first look are waited for.
    known = {one.transaction for one in found}
    looks = 0
    while found and looks < tries * _LOOKS:
        run.check()
        run.clock.sleep(_PAUSE)
        looks += 1
        now = writers(run.session, run.plan.table_oid)
        found = [one for one in now if one.transaction in known]
        if found and looks % _LOOKS == 0:
            _tell(run, found, looks // _LOOKS)
    if found:
        raise _given_up(run, found, run.clock.monotonic() - begun)
    if looks >= _LOOKS:
        # Until the next line of the audit, status tells of the last.
        audit.note(run.session, run.lease, "open_writes_ended")


def _tell(run: Run, found: list[Blocker], attempt: int) -> None:
    told = LockTry(
        attempt=attempt,
        tries=run.settings.lock_tries,
        blockers=tuple(found),
        awaited="the end of open writes",
    )
    waited(run, _STEP, told)


def _given_up(run: Run, found: list[Blocker], seconds: float) -> LockNotAcquired:
    said = (
        f"Who wrote {run.plan.table} did not end in {seconds:.0f} s, and a write has set both "
        "columns to different values:"
    )
    return LockNotAcquired(
        f"{said} {'; '.join(str(one) for one in found)}.",
        state="Nothing was compared; what is committed stays.",
        remedy="End that, or wait for it, then run `pgtide up` again.",
        abroad=f"{said} {'; '.join(one.abroad for one in found)}.",
    )
