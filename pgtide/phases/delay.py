"""What a later release waits for by the clock: soak before contract, retention before purge."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pgtide.errors import Waiting
from pgtide.ledger import audit, phases
from pgtide.ledger.lease import Lease
from pgtide.postgres.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """A span that begins at a moment, and what must not happen before its end."""

    name: str
    since: datetime
    span: timedelta
    phase: str

    @property
    def ends(self) -> datetime:
        """Return when it is over."""
        return self.since + self.span


def await_end(session: Session, delay: Delay, *, hurry: str | None, name: str) -> None:
    """Raise Waiting before a delay is over, unless somebody has a reason not to wait."""
    if hurry or phases.now(session) >= delay.ends:
        return
    raise Waiting(
        f"{name} waits for the end of its {delay.name}: {delay.phase} may begin at "
        f"{delay.ends:%Y-%m-%d %H:%M:%S} UTC.",
        state="Nothing was changed.",
        remedy=(
            f"Run `pgtide {delay.phase} {name}` again after that, or with `--now --reason TEXT` "
            "if it cannot wait."
        ),
    )


def note_hurry(session: Session, lease: Lease, delay: Delay, *, hurry: str | None) -> None:
    """Write down who did not wait, and why; nothing where nobody had to."""
    if hurry and phases.now(session) < delay.ends:
        audit.note(
            session,
            lease,
            "not_awaited",
            phase=delay.phase,
            what=delay.name,
            until=delay.ends.isoformat(timespec="seconds"),
            reason=hurry,
        )
