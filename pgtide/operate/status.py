"""Where a migration stands: its state, phases, progress, what it waits for, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pgtide.ledger import phases, throttled
from pgtide.ledger.conflicts import conflicts
from pgtide.ledger.delays import delay
from pgtide.ledger.performance import measured
from pgtide.ledger.record import Record, every
from pgtide.ledger.throttled import Throttled
from pgtide.model.gate import Gate
from pgtide.model.performance import QueryStanding, standings
from pgtide.model.route import WHOLE
from pgtide.model.state import UNTOUCHED, Phase, State
from pgtide.operate.advice import Standing, advice
from pgtide.operate.backups import BackupStatus, newest_backup
from pgtide.operate.declared import Declaration
from pgtide.operate.gates import GateStatus, Mended, gates, mended, waiting_at
from pgtide.operate.progress import Eta, Walked, eta, percent, rows_per_second
from pgtide.operate.quarantine import count as quarantined
from pgtide.operate.throttle import RateStatus, rate_status
from pgtide.operate.verified import VerificationStatus, verification_of, voided
from pgtide.operate.waiting import Wait, conditions, not_before, obstacles, outside
from pgtide.operate.way_back import contract_back, way_back
from pgtide.operate.worker import Worker, worker_of
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("status")
_LEDGER: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStatus:
    """A phase of the present attempt: pending, running, done, failed or paused; times are UTC."""

    phase: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None
    seconds: float | None
    rows: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """All that is known of a migration; docs/status-json.md says what each field means."""

    id: str
    version: str | None
    description: str | None
    table: str | None
    state: str
    phases: tuple[PhaseStatus, ...]
    rows_done: int
    rows_total: int | None
    percent: float | None
    rows_per_second: float | None
    eta_low: datetime | None
    eta_high: datetime | None
    waiting_for: tuple[Wait, ...]
    throttled: tuple[Throttled, ...]
    quarantined: int
    gates: tuple[GateStatus, ...]
    last_error: str | None
    rollback_available: bool
    rollback_until: datetime | None
    verification: VerificationStatus | None
    backup: BackupStatus | None
    queries: tuple[QueryStanding, ...]
    conflicts: int | None
    mended: Mended | None
    worker: Worker | None
    rate: RateStatus | None
    paused_by: str | None
    next: str


def statuses(
    session: Session, settings: Settings, files: list[Declaration]
) -> list[MigrationStatus]:
    """Return the status of every migration in the ledger or in the files, in the order of ids."""
    known = {record.id: status_of(session, settings, record) for record in every(session)}
    fresh = {one.id: not_begun(one) for one in files if one.id not in known}
    return [status for _, status in sorted({**known, **fresh}.items())]


def not_begun(file: Declaration) -> MigrationStatus:
    """Return the status of a migration that is only a file yet."""
    return MigrationStatus(
        id=file.id,
        version=file.version,
        description=file.description,
        table=None,
        state=State.PLANNED,
        phases=_phases([]),
        rows_done=0,
        rows_total=None,
        percent=0.0,
        rows_per_second=None,
        eta_low=None,
        eta_high=None,
        waiting_for=(),
        throttled=(),
        quarantined=0,
        gates=(),
        last_error=None,
        rollback_available=False,
        rollback_until=None,
        verification=None,
        backup=None,
        queries=(),
        conflicts=None,
        mended=None,
        worker=None,
        rate=None,
        paused_by=None,
        next=advice(Standing(name=file.version or file.id, state=State.PLANNED)),
    )


def status_now(session: Session, settings: Settings, migration_id: str) -> MigrationStatus:
    """Return the status of a migration that has begun, by its id."""
    return next(
        status_of(session, settings, record)
        for record in every(session)
        if record.id == migration_id
    )


def status_of(session: Session, settings: Settings, record: Record) -> MigrationStatus:
    """Return the status of a migration that the ledger knows, as of now."""
    worker, walked = worker_of(session, record, settings.lease), _walked(session, record)
    verification = verification_of(session, record)
    alive, void = bool(worker and worker.alive), voided(verification)
    at_gates, gate = _gates(session, record, settings, void)
    held = throttled.read(session, record.id, fresh=settings.lease.total_seconds())
    waits = _waits(session, record, gate, worker, held=held)
    whole, ends = way_back(session, record), _ends(session, record, walked) if alive else None
    standing = replace(_standing(record, gate, waits, alive=alive, void=bool(void)), way_back=whole)
    return MigrationStatus(
        id=record.id,
        version=record.version,
        description=record.description,
        table=str(record.table),
        state=record.state,
        phases=_phases(phases.read(session, record.id)),
        rows_done=walked.rows,
        rows_total=record.rows_total or None,
        percent=percent(record.standing, walked, sweep_due=record.sweep_due),
        rows_per_second=rows_per_second(walked),
        eta_low=ends.low if ends else None,
        eta_high=ends.high if ends else None,
        waiting_for=waits,
        throttled=tuple(held),
        quarantined=quarantined(session, record),
        gates=at_gates,
        last_error=record.last_error,
        rollback_available=whole,
        rollback_until=_undoable_until(session, record),
        verification=verification,
        backup=newest_backup(session, record.id),
        queries=standings(record.plan.performance, measured(session, record)),
        conflicts=conflicts(session, record.plan),
        mended=mended(session, record),
        worker=worker,
        rate=rate_status(session, record, settings),
        paused_by=record.paused_by,
        next=advice(_known(session, record, standing)),
    )


def _waits(
    session: Session,
    record: Record,
    gate: GateStatus | None,
    worker: Worker | None,
    *,
    held: Sequence[Throttled],
) -> tuple[Wait, ...]:
    first = tuple(conditions(session, record, gate))
    shut = outside(session, record, worker, after=not_before(first))
    return (*first, *shut, *obstacles(session, record, worker, held))


def _ends(session: Session, record: Record, walked: Walked) -> Eta | None:
    filling = record.state is State.BACKFILLING
    now, window = session.value(_SQL["now"]), record.plan.terms.window
    return eta(walked, now, window) if filling else None


def _standing(
    record: Record,
    gate: GateStatus | None,
    waits: tuple[Wait, ...],
    *,
    alive: bool,
    void: bool,
) -> Standing:
    return Standing(
        name=record.version,
        state=record.state,
        standing=record.standing,
        sweep_due=record.sweep_due,
        held=any(one.kind == "hold" for one in waits),
        alive=alive,
        void=void,
        gate=Gate(gate.gate) if gate else None,
        replaces=bool(record.plan.replacements),
        release=record.plan.terms.contract_release,
        not_before=not_before(waits),
    )


def _known(session: Session, record: Record, standing: Standing) -> Standing:
    """Return a standing with what only the ledger knows."""
    return replace(
        standing,
        contract_back=contract_back(session, record),
        quarantined=quarantined(session, record),
    )


def _gates(
    session: Session, record: Record, settings: Settings, void: str | None
) -> tuple[tuple[GateStatus, ...], GateStatus | None]:
    """Return all gates of a migration, and the one that it stands before."""
    found = gates(session, record, settings, void=void)
    return found, waiting_at(record, found)


def _undoable_until(session: Session, record: Record) -> datetime | None:
    one = delay(session, record) if record.state is State.CONTRACTED else None
    return one.ends if one else None


def _phases(recorded: list[phases.PhaseRecord]) -> tuple[PhaseStatus, ...]:
    known = {one.phase: one for one in recorded}
    shown = [*WHOLE, *([Phase.ROLLBACK] if Phase.ROLLBACK in known else [])]
    return tuple(_phase(phase, known.get(phase)) for phase in shown)


def _phase(phase: Phase, known: phases.PhaseRecord | None) -> PhaseStatus:
    return PhaseStatus(
        phase=phase,
        state=known.state if known else "pending",
        started_at=known.started_at if known else None,
        ended_at=known.ended_at if known else None,
        seconds=round(known.seconds, 3) if known else None,
        rows=known.rows if known else None,
    )


def _walked(session: Session, record: Record) -> Walked:
    if record.state in UNTOUCHED:
        return Walked(share=0.0, rows=0, seconds=0.0)
    where = {"id": record.id, "attempt": record.attempt}
    row = session.row(_LEDGER["progress"], where) or {}
    seconds = float(session.value(_SQL["worked_seconds"], where))
    return Walked(share=float(row["walked"]), rows=int(row["rows"]), seconds=seconds)
