"""Waiting by the clock, and not waiting: who had a reason not to is in the audit."""

from pgtide.errors import Waiting
from pgtide.ledger import audit
from pgtide.ledger.delays import delay, running
from pgtide.ledger.record import Record
from pgtide.ledger.run import Run
from pgtide.model.state import Phase
from pgtide.postgres.session import Session


def refuse_early(session: Session, record: Record, *, hurry: str | None) -> None:
    """Raise Waiting before soak or retention is over, unless somebody has a reason not to wait."""
    one = delay(session, record)
    if hurry or one is None or not running(session, one):
        return
    release = " --release V" if one.phase == Phase.CONTRACT else ""
    command = f"pgtide {one.phase} {record.version}{release}"
    raise Waiting(
        f"{record.id} waits for {one}.",
        state=f"It stays {record.state}; nothing was changed.",
        remedy=(
            f"Run `{command}` again after that, or with `--now --reason TEXT` if it cannot wait."
        ),
    )


def note_hurry(run: Run, record: Record, *, hurry: str | None) -> None:
    """Write down who did not wait, and why; nothing where nobody had to."""
    one = delay(run.session, record)
    if hurry and one is not None and running(run.session, one):
        audit.note(
            run.session,
            run.lease,
            "not_awaited",
            phase=one.phase,
            what=one.name,
            until=one.ends.isoformat(timespec="seconds"),
            reason=hurry,
        )
