"""A person's decision on a gate: made on what the ledger says now, or refused with the reason."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from pgtide.clock import Clock
from pgtide.errors import Refused
from pgtide.ledger import approvals
from pgtide.ledger.audit import note_by
from pgtide.ledger.one_way import one_way
from pgtide.ledger.proof import withdrawn
from pgtide.ledger.record import Record
from pgtide.model.gate import BOUND, DECIDED_IN, Gate, alone, asks, gates_of
from pgtide.operate.gates import mended
from pgtide.postgres.session import Session
from pgtide.settings import Settings

# Long enough that a release which does not write both shapes shows itself.
WATCH: Final = timedelta(seconds=1)
_LOOK_AGAIN: Final = MappingProxyType(
    {
        Gate.CONTRACT: (
            "Run `pgtide verify {name}`; where it finds anything, `pgtide up {name}` sweeps and "
            "verifies. Approve then."
        ),
        Gate.READS_SWITCHED: (
            "Run `pgtide down {name} --to verified`, then `pgtide up {name}`, which sweeps and "
            "verifies; then contract again, and approve."
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants of a gate, in whose name, and why."""

    gate: Gate
    approve: bool
    reason: str
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """How many writes the triggers had to mend since expand, and in the seconds just watched."""

    writes: int
    seconds: float
    rose_by: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision as it was written down."""

    gate: str
    approved: bool
    actor: str
    typed_by: str
    account: str
    reason: str
    at: datetime | None
    mended: Watched | None


def decide_gate(
    session: Session, settings: Settings, record: Record, wish: Wish, *, clock: Clock
) -> Decided:
    """Write a decision on a gate down, with its line in the audit.

    Raises Refused where it could not count: a gate that the migration does not stand before, a
    verification that did not pass or holds no more, or an approval by who had started it where four
    eyes are asked.
    """
    actor = wish.by or settings.actor
    _refuse_pointless(record, wish)
    verification = _verification(session, record, wish)
    if wish.approve and settings.four_eyes:
        _refuse_alone(session, record, (actor, settings.actor, settings.account))
    watched = _watch(session, record, clock) if wish.gate is Gate.DUAL_WRITE_DEPLOYED else None
    decided = Decided(
        gate=wish.gate,
        approved=wish.approve,
        actor=actor,
        typed_by=settings.actor,
        account=settings.account,
        reason=wish.reason.strip(),
        at=None,
        mended=watched,
    )
    return _kept(session, record, decided, verification=verification)


def _kept(
    session: Session, record: Record, decided: Decided, *, verification: int | None
) -> Decided:
    gate = Gate(decided.gate)
    writes = decided.mended.writes if decided.mended else None
    with session.transaction(settings={"synchronous_commit": "on"}):
        approvals.keep(
            session,
            record,
            gate,
            approved=decided.approved,
            actor=decided.actor,
            typed_by=decided.typed_by,
            account=decided.account,
            reason=decided.reason,
            verification_id=verification,
            mended=writes,
        )
        note_by(
            session,
            record.id,
            decided.actor,
            "approved" if decided.approved else "rejected",
            gate=gate,
            reason=decided.reason,
            typed_by=decided.typed_by,
            account=decided.account,
            verification=verification,
            mended=writes,
        )
        given = approvals.newest(session, record.id, gate)
    return replace(decided, at=given.at if given else None)


def _refuse_pointless(record: Record, wish: Wish) -> None:
    gate, known = wish.gate, gates_of(record.plan)
    if not wish.reason.strip():
        raise _refused("A decision needs a reason", "Say why with --reason TEXT.")
    if gate not in known:
        raise _refused(
            f"{record.id} has no gate {gate}: its triggers write the other shape, whatever the "
            "application does",
            f"Its gates are {' and '.join(known)}.",
        )
    if record.standing not in DECIDED_IN[gate]:
        states = " or ".join(sorted(DECIDED_IN[gate]))
        raise _refused(
            f"{record.id} is {record.state}: {gate} is decided while it is {states}, since then "
            f"it can be known that {asks(gate, record.plan)}",
            f"`pgtide status {record.version}` says what comes next.",
        )


def _verification(session: Session, record: Record, wish: Wish) -> int | None:
    """Return the verification that a decision is about.

    Raises Refused where it did not pass, or holds no more.
    """
    if wish.gate not in BOUND:
        return None
    seen = approvals.verified_by(session, record.id)
    if wish.approve and (seen is None or not seen.passed or seen.checksum != record.checksum):
        raise _refused(
            f"{record.id} was not verified as it is now: nothing to approve {wish.gate} on",
            f"Run `pgtide verify {record.version}`, look at what it says, and approve then.",
        )
    if wish.approve:
        _refuse_void(session, record, wish.gate)
    return seen.id if seen else None


def _refuse_void(session: Session, record: Record, gate: Gate) -> None:
    # The phase would refuse it later on: whoever approves is to know now.
    gone, name = withdrawn(session, record), record.version
    # Where only purge is left, it asks for a reason.
    if gone and not (gate is Gate.READS_SWITCHED and one_way(session, record)):
        raise _refused(
            f"{record.id} was verified, and that holds no more, so there is nothing to approve "
            f"{gate} on: {gone}",
            _LOOK_AGAIN[gate].format(name=name),
        )


def _refuse_alone(session: Session, record: Record, names: tuple[str, ...]) -> None:
    starter = alone(names, approvals.starters(session, record.id))
    if starter:
        raise _refused(
            f"PGTIDE_FOUR_EYES asks for a second person, and {starter} has started {record.id}",
            "Somebody else approves it, from an account of their own.",
        )


def _watch(session: Session, record: Record, clock: Clock) -> Watched | None:
    before = mended(session, record)
    if before is None:
        return None
    begun = clock.monotonic()
    clock.sleep(WATCH.total_seconds())
    after = mended(session, record) or before
    return Watched(
        writes=after.writes,
        seconds=round(clock.monotonic() - begun, 1),
        rose_by=after.writes - before.writes,
    )


def _refused(what: str, remedy: str) -> Refused:
    return Refused(f"{what}.", state="Nothing was decided.", remedy=remedy)
