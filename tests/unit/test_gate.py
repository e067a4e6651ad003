"""What a decision comes to, as a function of what it was made on and of what stands now."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pgtide.model.gate import (
    ASKS,
    BEFORE,
    DECIDED_IN,
    Approval,
    Checked,
    Gate,
    Ground,
    Verdict,
    alone,
    decide,
    person,
)
from pgtide.model.state import RUNNING, Phase, State

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
PASSED = Checked(id=7, passed=True, checksum="c1", fingerprint="f1")
LATER = replace(PASSED, id=8)
GIVEN = Approval(
    gate=Gate.CONTRACT,
    approved=True,
    actor="bob",
    typed_by="bob",
    account="root@here",
    role="app",
    reason="release 2.2 is live",
    at=AT,
    attempt=1,
    checksum="c1",
    verification_id=7,
    mended=None,
)
GROUND = Ground(attempt=1, checksum="c1", verifications=(PASSED,))
DUAL, CONTRACT, READS = Gate.DUAL_WRITE_DEPLOYED, Gate.CONTRACT, Gate.READS_SWITCHED
ALL = (DUAL, CONTRACT, READS)
BOUND = (CONTRACT, READS)

# The name of a case, the gates it is about, the decision, what stands now, the verdict.
CASES = (
    ("nobody has decided", ALL, None, GROUND, Verdict.OPEN),
    ("approved on this", ALL, GIVEN, GROUND, Verdict.APPROVED),
    (
        "verified again, and passed",
        ALL,
        GIVEN,
        replace(GROUND, verifications=(PASSED, LATER)),
        Verdict.APPROVED,
    ),
    ("rejected", ALL, replace(GIVEN, approved=False), GROUND, Verdict.REJECTED),
    (
        "rejected, whatever was verified",
        ALL,
        replace(GIVEN, approved=False, verification_id=None),
        replace(GROUND, verifications=()),
        Verdict.REJECTED,
    ),
    ("another attempt", ALL, GIVEN, replace(GROUND, attempt=2), Verdict.STALE),
    (
        "rejected in another attempt",
        ALL,
        replace(GIVEN, approved=False),
        replace(GROUND, attempt=2),
        Verdict.STALE,
    ),
    ("another declaration", ALL, GIVEN, replace(GROUND, checksum="c2"), Verdict.STALE),
    (
        "verification failed since",
        BOUND,
        GIVEN,
        replace(GROUND, verifications=(PASSED, replace(LATER, passed=False))),
        Verdict.STALE,
    ),
    (
        "verification failed since, and passed again",
        BOUND,
        GIVEN,
        replace(
            GROUND,
            verifications=(PASSED, replace(LATER, passed=False), replace(LATER, id=9)),
        ),
        Verdict.STALE,
    ),
    (
        "the verification had failed",
        BOUND,
        GIVEN,
        replace(GROUND, verifications=(replace(PASSED, passed=False),)),
        Verdict.STALE,
    ),
    (
        "another declaration was verified since",
        BOUND,
        GIVEN,
        replace(GROUND, verifications=(PASSED, replace(LATER, checksum="c2"))),
        Verdict.STALE,
    ),
    (
        "the triggers were made anew",
        (CONTRACT,),
        GIVEN,
        replace(GROUND, verifications=(PASSED, replace(LATER, fingerprint="f2"))),
        Verdict.STALE,
    ),
    (
        "contract made the triggers anew",
        (READS,),
        GIVEN,
        replace(GROUND, verifications=(PASSED, replace(LATER, fingerprint="f2"))),
        Verdict.APPROVED,
    ),
    (
        "no verification",
        BOUND,
        replace(GIVEN, verification_id=None),
        replace(GROUND, verifications=()),
        Verdict.STALE,
    ),
    (
        "its verification is not there",
        BOUND,
        GIVEN,
        replace(GROUND, verifications=(LATER,)),
        Verdict.STALE,
    ),
    (
        "nothing to verify yet",
        (DUAL,),
        replace(GIVEN, verification_id=None),
        replace(GROUND, verifications=()),
        Verdict.APPROVED,
    ),
    ("undone since", BOUND, GIVEN, replace(GROUND, undone_at=AT), Verdict.STALE),
    (
        "undone before",
        BOUND,
        GIVEN,
        replace(GROUND, undone_at=AT - timedelta(seconds=1)),
        Verdict.APPROVED,
    ),
    (
        "contract was undone: the other release is still out",
        (DUAL,),
        GIVEN,
        replace(GROUND, undone_at=AT),
        Verdict.APPROVED,
    ),
    (
        "four eyes, two people",
        ALL,
        GIVEN,
        replace(GROUND, starters=frozenset({"ann"})),
        Verdict.APPROVED,
    ),
    (
        "four eyes, one person",
        ALL,
        GIVEN,
        replace(GROUND, starters=frozenset({"ann", "Bob@elsewhere"})),
        Verdict.ALONE,
    ),
    (
        "four eyes, in another's name",
        ALL,
        replace(GIVEN, typed_by="ann"),
        replace(GROUND, starters=frozenset({"ann"})),
        Verdict.ALONE,
    ),
    (
        "four eyes, from the same account",
        ALL,
        GIVEN,
        replace(GROUND, starters=frozenset({"root"})),
        Verdict.ALONE,
    ),
    (
        "four eyes, and who started it rejects",
        ALL,
        replace(GIVEN, approved=False),
        replace(GROUND, starters=frozenset({"bob"})),
        Verdict.REJECTED,
    ),
    (
        "nobody asks for four eyes",
        ALL,
        GIVEN,
        replace(GROUND, starters=None),
        Verdict.APPROVED,
    ),
)
TABLE = [
    pytest.param(gate, given, ground, verdict, id=f"{gate}: {name}")
    for name, gates, given, ground, verdict in CASES
    for gate in gates
]


@pytest.mark.parametrize(("gate", "given", "ground", "verdict"), TABLE)
def test_the_verdict(gate: Gate, given: Approval | None, ground: Ground, verdict: Verdict) -> None:
    about = given and replace(given, gate=gate)
    found = decide(gate, about, ground)
    assert found.verdict is verdict
    assert found.passes == (verdict is Verdict.APPROVED)
    assert found.why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ann", "Ann"),
        ("ann", " ann "),
        ("ann", "ann@build-7"),
        ("ann@example.org", "ann@laptop"),
        ("CORP\\ann", "ann"),
        ("Ann  Lee", "ann lee"),
        ("\uff21\uff2e\uff2e", "ann"),
    ],
)
def test_names_of_one_person(one: str, other: str) -> None:
    assert person(one) == person(other)
    assert alone((one,), frozenset({other})) == other


@pytest.mark.parametrize(("one", "other"), [("ann", "anna"), ("ann", "bob"), ("", "ann"), ("", "")])
def test_names_of_two(one: str, other: str) -> None:
    assert alone((one,), frozenset({other})) is None


def test_each_gate_is_decided_where_its_phase_is_still_to_come_or_is_tried_again() -> None:
    assert set(ASKS) == set(BEFORE) == set(DECIDED_IN) == set(Gate)
    where = [DECIDED_IN[gate] for gate in Gate]
    assert sum(len(states) for states in where) == len(frozenset().union(*where))
    assert DECIDED_IN[DUAL] == {State.EXPANDED}
    for gate, phase in ((CONTRACT, Phase.CONTRACT), (READS, Phase.PURGE)):
        assert RUNNING[phase] in DECIDED_IN[gate]
