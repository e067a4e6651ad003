"""What is told of a run, and what is nobody's news."""

from dataclasses import replace

import pytest

from pgtide.errors import AwaitingApproval, Busy, PgtideError, Refused, Waiting, WindowClosed
from pgtide.events import (
    BatchCommitted,
    Event,
    LockWaited,
    PhaseBegan,
    RowQuarantined,
    StepEnded,
    ThrottleEnded,
    ThrottleHeld,
)
from pgtide.notify.notice import Kind
from pgtide.notify.outlook import Untold
from pgtide.notify.story import Story, ended, follow, looked
from tests.unit.notify.shown import STORY, SUBJECT, at, outlook

BEGAN = PhaseBegan(migration_id=SUBJECT.id, phase="backfill")
BATCH = BatchCommitted(
    slice_id=1, kind="walk", round=0, step=0, cursor=0, end=9, rows=10, seconds=0.1
)
ROW = RowQuarantined(slice_id=1, sqlstate="22P02", reason="a value is withheld")


def held(signal: str) -> ThrottleHeld:
    return ThrottleHeld(signal=signal, reason="it is late", value=3.0, limit=2.0)


def kinds(story: Story, *events: Event | float) -> list[Kind]:
    """Return what is told of events; a number is a look at the ledger after so many minutes."""
    found = []
    minutes = 0.0
    for event in events:
        if isinstance(event, float):
            minutes = event
            story, notices = looked(story, outlook("backfilling"), at(minutes))
        else:
            story, notices = follow(story, event, at(minutes))
        found += [one.kind for one in notices]
    return found


BEGUN, _ = follow(STORY, BEGAN, at(0))


def test_nobody_is_told_of_a_run_before_it_begins_a_phase() -> None:
    assert kinds(STORY, BATCH, 1.0) == []
    assert kinds(STORY, BEGAN, BEGAN) == [Kind.RUN_BEGAN]


def test_a_hold_is_told_once_it_lasts_and_so_is_its_end() -> None:
    short = (held("replica_lag"), 4.9, ThrottleEnded(signal="replica_lag", seconds=294))
    assert kinds(BEGUN, *short, 10.0) == []
    long = (held("replica_lag"), 4.9, 5.0, 20.0, ThrottleEnded(signal="replica_lag", seconds=1_200))
    assert kinds(BEGUN, *long) == [Kind.HELD, Kind.LET_GO]


def test_two_signals_are_told_together_and_go_on_with_the_last() -> None:
    events = (held("replica_lag"), 1.0, held("disk_free"), 5.0, 6.0, 9.0)
    assert kinds(BEGUN, *events) == [Kind.HELD]
    first = ThrottleEnded(signal="replica_lag", seconds=540)
    assert kinds(BEGUN, *events, first) == [Kind.HELD]
    last = ThrottleEnded(signal="disk_free", seconds=480)
    assert kinds(BEGUN, *events, first, last) == [Kind.HELD, Kind.LET_GO]


def test_what_earlier_runs_could_not_tell_is_told_once_this_one_has_begun() -> None:
    before = Untold(notices=3, places=("Slack",), last="Failed.")
    look = replace(outlook("backfilling"), untold=before)
    idle, notices = looked(STORY, look, at(0))
    assert notices == ()
    begun, _ = follow(idle, BEGAN, at(0))
    for expected in ([Kind.UNTOLD], []):
        begun, notices = looked(begun, look, at(1))
        assert [one.kind for one in notices] == expected
    assert begun.caught_up


def test_rows_in_quarantine_are_told_by_the_power_of_ten() -> None:
    story, told = BEGUN, []
    for number in range(1, 1_001):
        story, notices = follow(story, ROW, at(1))
        told += [number] * len(notices)
    assert told == [1, 10, 100, 1_000]


def test_a_lock_is_waited_for_until_the_step_goes_on() -> None:
    lock = LockWaited(step="s", attempt=2, tries=30, blockers=("pid 7",), abroad=("pid 7",))
    waiting, notices = follow(BEGUN, lock, at(1))
    assert notices == ()
    assert waiting.lock is lock
    step = StepEnded(step="s", tries=3, seconds=1.0, skipped=False)
    for event in (step, BATCH, BEGAN):
        assert follow(waiting, event, at(1))[0].lock is None


def test_a_batch_leaves_the_very_same_story() -> None:
    assert follow(BEGUN, BATCH, at(1))[0] is BEGUN


def _error(kind: type[PgtideError]) -> PgtideError:
    return kind("It is so.", state="Nothing.", remedy="Wait.")


@pytest.mark.parametrize(
    ("error", "unattended", "attended"),
    [
        (None, [], []),
        (_error(Busy), [], []),
        (_error(Waiting), [], []),
        (_error(WindowClosed), [], []),
        (KeyboardInterrupt(), [], []),
        (_error(AwaitingApproval), [Kind.APPROVAL_NEEDED], [Kind.APPROVAL_NEEDED]),
        (_error(Refused), [Kind.REFUSED], []),
        (ValueError("x"), [Kind.FAILED], []),
    ],
    ids=["nothing", "busy", "held", "closed", "stopped", "gate", "refused", "unforeseen"],
)
def test_a_run_that_did_not_come_to_work_is_told_only_to_whom_it_is_news(
    error: BaseException | None, unattended: list[Kind], attended: list[Kind]
) -> None:
    for story, expected in ((STORY, unattended), (replace(STORY, attended=True), attended)):
        after, notices = ended(story, error, at(1))
        assert [one.kind for one in notices] == expected
        assert (after.end is not None) == bool(expected)


def test_a_flow_that_is_suspended_at_a_gate_calls_somebody_and_one_that_is_stopped_does_not() -> (
    None
):
    look = replace(outlook("verified"), gate="contract", asks="a later release is live")
    at_gate, _ = looked(STORY, look, at(0))
    # As Prefect leaves a flow that it suspends: by what is no Exception.
    assert [one.kind for one in ended(at_gate, GeneratorExit(), at(1))[1]] == [Kind.APPROVAL_NEEDED]
    assert ended(at_gate, KeyboardInterrupt(), at(1))[1] == ()
    assert ended(STORY, GeneratorExit(), at(1))[1] == ()


@pytest.mark.parametrize("kind", [Busy, Waiting, WindowClosed, Refused])
def test_whatever_ends_a_run_that_has_begun_is_told(kind: type[PgtideError]) -> None:
    story, [notice] = ended(replace(BEGUN, attended=True), _error(kind), at(1))
    assert story.end is notice


def test_a_person_is_called_only_where_one_must_act() -> None:
    urgent = {kind: ended(BEGUN, _error(kind), at(1))[1][0].urgent for kind in (Waiting, Refused)}
    assert urgent == {Waiting: False, Refused: True}
    assert not ended(BEGUN, None, at(1))[1][0].urgent
    _, told = follow(BEGUN, ROW, at(1))
    assert not told[0].urgent
