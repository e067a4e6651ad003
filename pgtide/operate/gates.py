"""A migration's gates: what each asks, who decided what, and what that comes to now."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from pgtide.ledger.approvals import decision, newest
from pgtide.ledger.one_way import one_way
from pgtide.ledger.record import Record
from pgtide.model.gate import (
    BEFORE,
    UNDECIDED,
    Approval,
    Decision,
    Gate,
    Verdict,
    asks,
    gate_at,
    gates_of,
)
from pgtide.model.plan import Plan
from pgtide.model.state import RUNNING, UNTOUCHED, State
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("status")
_SWITCHED: Final = frozenset({State.CONTRACTED, State.PURGING})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateStatus:
    """A gate: what it asks, the verdict now and why; the decision's fields are null before one.

    `actor` is in whose name it was decided; `typed_by` and `account` say who really typed it.
    """

    gate: str
    asks: str
    before: str
    verdict: str
    why: str
    actor: str | None
    typed_by: str | None
    account: str | None
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """How many writes the triggers had to mend, in all and since the release was said to be out."""

    writes: int
    since_approval: int | None


def gates(
    session: Session, record: Record, settings: Settings, *, void: str | None
) -> tuple[GateStatus, ...]:
    """Return the gates of a migration in the order it comes to them.

    `void` says why the verification that the next decision stands on is withdrawn, if it is.
    """
    found = (_status(session, record, gate, settings) for gate in gates_of(record.plan))
    if void and record.standing in _SWITCHED and one_way(session, record):
        # Only purge is left, and asks for a reason.
        void = None
    return tuple(_on_ground(one, record, void) for one in found)


def waiting_at(record: Record, found: tuple[GateStatus, ...]) -> GateStatus | None:
    """Return the gate that a migration waits at, if it does."""
    if record.state in RUNNING.values():
        # It is through, or asks when it is tried again.
        return None
    here = gate_at(record.plan, record.standing)
    return next(
        (one for one in found if one.gate == here and one.verdict != Verdict.APPROVED), None
    )


def in_words(gate: GateStatus) -> str:
    """Say what a gate waits for."""
    return f"the gate {gate.gate}: that {gate.asks}; {gate.why}"


def mended(session: Session, record: Record) -> Mended | None:
    """Return the counter of mended writes; None where nothing counts them."""
    sync = record.plan.sync
    if sync is None or not sync.mended:
        return None
    sequence = {"sequence": ident("pgtide", sync.mended)}
    found = session.value(_SQL["counted"], sequence)
    if found is None:
        return None
    given = newest(session, record.id, Gate.DUAL_WRITE_DEPLOYED)
    counts = given is not None and given.approved and given.attempt == record.attempt
    before = given.mended if given and counts else None
    return Mended(writes=int(found), since_approval=None if before is None else int(found) - before)


def expected(plan: Plan) -> Iterator[str]:
    """Say which decisions of a person a migration will wait for."""
    for gate in gates_of(plan):
        yield (
            f"{BEFORE[gate]} waits until a person confirms that {asks(gate, plan)}: `pgtide "
            f"approve {plan.version} {gate} --reason TEXT`."
        )


def _status(session: Session, record: Record, gate: Gate, settings: Settings) -> GateStatus:
    given = None if record.state in UNTOUCHED else newest(session, record.id, gate)
    if given is None:
        return _shown(record, gate, None, Decision(verdict=Verdict.OPEN, why=UNDECIDED))
    return _shown(record, gate, given, decision(session, record, gate, settings))


def _on_ground(one: GateStatus, record: Record, void: str | None) -> GateStatus:
    """Return a gate as what its approval stands on leaves it; what is behind it stays as it was."""
    ahead = Gate.READS_SWITCHED if record.standing in _SWITCHED else Gate.CONTRACT
    if void is None or one.gate != ahead or one.verdict != Verdict.APPROVED:
        return one
    # Why it is, the verification says.
    why = f"the approval of {one.actor} does not count any more: its verification is withdrawn"
    return replace(one, verdict=Verdict.STALE, why=why)


def _shown(record: Record, gate: Gate, given: Approval | None, found: Decision) -> GateStatus:
    return GateStatus(
        gate=gate,
        asks=asks(gate, record.plan),
        before=BEFORE[gate],
        verdict=found.verdict,
        why=found.why,
        actor=given.actor if given else None,
        typed_by=given.typed_by if given else None,
        account=given.account if given else None,
        reason=given.reason if given else None,
        at=given.at if given else None,
    )
