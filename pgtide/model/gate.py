"""Gates: where a migration waits until a person has said that it may go on.

A gate is no state: the migration stays where it is. A decision is kept with what it was made on,
and counts for as long as that stands; whether it does is a function of values.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pgtide.model.plan import Plan
from pgtide.model.state import Phase, State


class Gate(StrEnum):
    """A question that only a person can answer; each stands before one phase."""

    DUAL_WRITE_DEPLOYED = "dual_write_deployed"
    CONTRACT = "contract"
    READS_SWITCHED = "reads_switched"


# What a person confirms by approving.
ASKS: Final = MappingProxyType(
    {
        Gate.DUAL_WRITE_DEPLOYED: (
            "the release that writes both shapes is out, and no older one writes any more"
        ),
        Gate.CONTRACT: "a later release is live, and the new columns may take the final names",
        Gate.READS_SWITCHED: "nobody reads the old columns any more: they may be dropped for good",
    }
)
# The same where columns are only added: no name changes, and no value goes.
_ASKS_ADDED: Final = MappingProxyType(
    {
        Gate.CONTRACT: "a later release is live, and works with what was added",
        Gate.READS_SWITCHED: "what was added stays: the way back may be given up for good",
    }
)
UNDECIDED: Final = "nobody has decided yet"
# The phase that does not begin before.
BEFORE: Final = MappingProxyType(
    {
        Gate.DUAL_WRITE_DEPLOYED: Phase.BACKFILL,
        Gate.CONTRACT: Phase.CONTRACT,
        Gate.READS_SWITCHED: Phase.PURGE,
    }
)
# Where a decision can be made, or taken back. A phase that failed asks again when it is tried
# again; the backfill does not, since no decision could unwrite its rows: `pause` and `down` do.
DECIDED_IN: Final = MappingProxyType(
    {
        Gate.DUAL_WRITE_DEPLOYED: frozenset({State.EXPANDED}),
        Gate.CONTRACT: frozenset({State.VERIFIED, State.CONTRACTING}),
        Gate.READS_SWITCHED: frozenset({State.CONTRACTED, State.PURGING}),
    }
)
# These stand on what verification saw.
BOUND: Final = frozenset({Gate.CONTRACT, Gate.READS_SWITCHED})


class Verdict(StrEnum):
    """What the newest decision on a gate comes to."""

    APPROVED = "approved"
    # Nobody has decided yet.
    OPEN = "open"
    REJECTED = "rejected"
    # What it was decided on does not stand any more.
    STALE = "stale"
    # Four eyes were asked for, and there were two.
    ALONE = "alone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A decision: in whose name, by whom it was really typed, why, and on what.

    `typed_by` is the name that the environment gives, `account` the operating system's account
    and host, `role` the database's role. `mended` is the counter of mended writes at that time.
    """

    gate: Gate
    approved: bool
    actor: str
    typed_by: str
    account: str
    role: str
    reason: str
    at: datetime
    attempt: int
    checksum: str
    verification_id: int | None
    mended: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A verification, as far as decisions depend on it."""

    id: int
    passed: bool
    checksum: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a decision must be about, as of now.

    `verifications` are those from the decision's own on, oldest first; `undone_at` is when an
    undo of this attempt last ended; `starters` are who had started it before the decision, None
    where nobody asks for four eyes.
    """

    attempt: int
    checksum: str
    verifications: tuple[Checked, ...] = ()
    undone_at: datetime | None = None
    starters: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict, and why in words."""

    verdict: Verdict
    why: str

    @property
    def passes(self) -> bool:
        """Tell whether the migration may go on."""
        return self.verdict is Verdict.APPROVED


def asks(gate: Gate, plan: Plan) -> str:
    """Return what a person confirms by approving a gate of this migration."""
    return ASKS[gate] if plan.replacements else _ASKS_ADDED.get(gate, ASKS[gate])


def gates_of(plan: Plan) -> tuple[Gate, ...]:
    """Return the gates of a migration in the order it comes to them."""
    dual = plan.terms.dual_write == "application" and plan.sync is not None
    return tuple(gate for gate in Gate if dual or gate is not Gate.DUAL_WRITE_DEPLOYED)


def gate_at(plan: Plan, standing: State) -> Gate | None:
    """Return the gate that a migration stands before, if it does."""
    return next((gate for gate in gates_of(plan) if standing in DECIDED_IN[gate]), None)


def decide(gate: Gate, given: Approval | None, ground: Ground) -> Decision:
    """Return what the newest decision on a gate comes to now.

    An approval counts for the verification that it was given on and for later ones of the same
    attempt, as long as all of them passed on the same declaration.
    """
    if given is None:
        return Decision(verdict=Verdict.OPEN, why=UNDECIDED)
    if given.attempt != ground.attempt:
        why = f"the decision of {given.actor} was about an attempt that was undone since"
        return Decision(verdict=Verdict.STALE, why=why)
    if not given.approved:
        return Decision(verdict=Verdict.REJECTED, why=f"{given.actor} rejected it: {given.reason}")
    stale = next(_outlived(gate, given, ground), None)
    if stale:
        why = f"the approval of {given.actor} does not count any more: {stale}"
        return Decision(verdict=Verdict.STALE, why=why)
    starter = alone((given.actor, given.typed_by, given.account), ground.starters or frozenset())
    if starter:
        why = f"four eyes are asked for, and {given.actor} approved what {starter} had started"
        return Decision(verdict=Verdict.ALONE, why=why)
    return Decision(verdict=Verdict.APPROVED, why=f"{given.actor} approved it: {given.reason}")


def _outlived(gate: Gate, given: Approval, ground: Ground) -> Iterator[str]:
    """Say what has changed since an approval was given."""
    if given.checksum != ground.checksum:
        yield "it was given on another declaration"
    if gate not in BOUND:
        return
    if ground.undone_at is not None and given.at <= ground.undone_at:
        yield "it was undone since"
    seen = ground.verifications
    if not seen or seen[0].id != given.verification_id:
        yield "it was given without a verification"
    elif not all(one.passed for one in seen):
        yield "verification has failed since"
    elif any(one.checksum != ground.checksum for one in seen):
        yield "another declaration was verified since"
    elif gate is Gate.CONTRACT and len({one.fingerprint for one in seen}) > 1:
        yield "what keeps both shapes in step was made anew since"


def alone(names: tuple[str, ...], starters: frozenset[str]) -> str | None:
    """Return the starter who is one of these names, if one is."""
    people = {person(name) for name in names} - {""}
    return next((one for one in sorted(starters) if person(one) in people), None)


def person(name: str) -> str:
    """Return the part of a name that tells people apart: not case, host, domain or spacing.

    In doubt two names are one person: four eyes are then asked for once too often.
    """
    plain = unicodedata.normalize("NFKC", name).casefold().rpartition("\\")[2]
    return re.sub(r"\s+", " ", plain.partition("@")[0]).strip()
