"""A migration's status, as far as it may be told elsewhere: no statement of anybody else's."""

from contextlib import suppress

from pgtide.errors import PgtideError
from pgtide.ledger.record import find
from pgtide.model.gate import Verdict
from pgtide.notify.outlook import Eta, Outlook, PhaseOutlook, Untold
from pgtide.operate.gates import GateStatus
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.operate.unannounced import read
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings


class Looker:
    """Look at one migration on a session of its own; a database that is away changes nothing."""

    def __init__(self, settings: Settings, migration_id: str) -> None:
        self._settings = settings
        self._id = migration_id
        self._session: Session | None = None
        self._untold: Untold | None = None
        self._looked = False

    def __call__(self) -> Outlook | None:
        """Return what the ledger says now; None where it cannot be asked, or knows nothing."""
        with suppress(PgtideError):
            if self._session is None or self._session.lost:
                self._session = connect(self._settings.url, purpose="announcing")
            record = find(self._session, self._id)
            if record is not None:
                if not self._looked:
                    self._untold, self._looked = read(self._session, self._id), True
                status = status_of(self._session, self._settings, record)
                return outlook(status, target=target_of(self._session), untold=self._untold)
        return None

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()


def target_of(session: Session) -> str:
    """Return database and server of a session, without who logged in."""
    return f"{session.login.parameters.get('dbname', '')} on {session.place}"


def outlook(status: MigrationStatus, *, target: str, untold: Untold | None = None) -> Outlook:
    """Return what is told of a status."""
    gate = _gate(status)
    seen = status.verification
    return Outlook(
        version=status.version or status.id,
        description=status.description or "",
        table=status.table or "",
        target=target,
        state=status.state,
        phases=tuple(
            PhaseOutlook(phase=one.phase, state=one.state, seconds=one.seconds, rows=one.rows)
            for one in status.phases
        ),
        percent=status.percent,
        rows_done=status.rows_done,
        rows_total=status.rows_total,
        rows_per_second=status.rows_per_second,
        eta=_eta(status),
        quarantined=status.quarantined,
        verified=(seen.level, seen.rows, seen.mismatches) if seen and not seen.withdrawn else None,
        throttled=tuple((one.signal, one.seconds) for one in status.throttled if one.seconds),
        gate=gate.gate if gate else None,
        asks=gate.asks if gate else "",
        untold=untold,
        next=status.next,
    )


def _eta(status: MigrationStatus) -> Eta | None:
    if status.eta_low is None or status.eta_high is None:
        return None
    return Eta(low=status.eta_low, high=status.eta_high)


def _gate(status: MigrationStatus) -> GateStatus | None:
    if not any(one.kind == "gate" for one in status.waiting_for):
        return None
    return next((one for one in status.gates if one.verdict != Verdict.APPROVED), None)
