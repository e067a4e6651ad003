"""The demo's judgement, on made-up runs: each promise can be broken, each lost write is seen."""

from dataclasses import replace

import pytest

from demo.accounting import Account, Standing, settle
from demo.control import Wait, alone, waits
from demo.crash import Checkpoint, Crash
from demo.damage import Damage
from demo.database import Sizes
from demo.growth import Yardsticks
from demo.journal import Entry
from demo.noise import Noise
from demo.one_update import OneUpdate
from demo.promises import GAINED, promises, worst
from demo.releases import Kind
from demo.result import (
    Check,
    Completed,
    Filling,
    PhaseTime,
    Repair,
    Result,
    SceneWait,
    Stay,
    Traffic,
    Tried,
    Undone,
)
from demo.shape import without_key
from demo.timeline import Timeline

GOOD = Result(
    rows=100,
    setup_seconds=1.0,
    story_seconds=1.0,
    disk_bytes=1,
    noise=Noise(longest=0.01, longest_alone=0.01, longest_control=0.0, statements=10, seconds=1.0),
    phases=(PhaseTime(phase="expand", seconds=0.1, rows=None),),
    traffic=Traffic(
        statements=10,
        per_second=1.0,
        failed=0,
        errors=(),
        median=0.001,
        longest=0.2,
        longest_during="down",
        longest_alone=0.2,
        longest_control=0.0,
        locked=(SceneWait(scene="contract", longest=0.1, alone=0.1),),
    ),
    crash=Crash(
        at=Checkpoint(rows=40, batches=4, walked=0.4),
        end=Checkpoint(rows=100, batches=10, walked=1.0),
        in_step=41,
        redone=0,
    ),
    filling=Filling(workers=2, rows=100, seconds=1.0, longest=0.1),
    growth=Yardsticks(
        before=Sizes(table=90, indexes=10),
        update=OneUpdate(seconds=2.0, longest=2.0),
        at_once=Sizes(table=190, indexes=20),
        minimal=Sizes(table=100, indexes=10),
    ),
    migrated=Sizes(table=110, indexes=10),
    first=Check(level="L2", rows=100, mismatches=0),
    repair=Repair(
        damage=Damage(id=7, was="a", became="b"),
        exit_code=4,
        mismatches=1,
        named=(7,),
        mended=True,
        check=Check(level="L2", rows=100, mismatches=0),
    ),
    backup=Tried(rows=100, restore_seconds=0.5),
    undone=Undone(
        answer="t",
        dump_identical=True,
        remnants=(),
        account=Account(acknowledged=4, found=4, rows=4, missing=()),
        archived=3,
        not_archived=0,
        wrong_dates=(),
    ),
    completed=Completed(
        remnants=(),
        gained=(GAINED,),
        lost=(),
        account=Account(acknowledged=5, found=5, rows=5, missing=()),
        changed_unasked=0,
        decisions=("ann: contract", "ann: contract", "ann: reads_switched"),
    ),
    stays=(
        Stay(release="A", title="old", began="planned", ended="completed", statements=5, failed=0),
        Stay(
            release="B", title="v2", began="backfilled", ended="contracted", statements=5, failed=0
        ),
        Stay(
            release="C",
            title="final",
            began="contracted",
            ended="completed",
            statements=5,
            failed=0,
        ),
    ),
    processes=(),
)
DONE, UNDONE = GOOD.completed, GOOD.undone


def out(release: str, began: str, ended: str) -> Result:
    """Return the good run with one more stay of a release."""
    stay = Stay(release=release, title="", began=began, ended=ended, statements=5, failed=0)
    return replace(GOOD, stays=(*GOOD.stays, stay))


def broken(result: Result) -> list[str]:
    return [one.name for one in promises(result) if one.kept is False]


def unjudged(result: Result) -> list[str]:
    return [one.name for one in promises(result) if one.kept is None]


def test_a_good_run_breaks_no_promise() -> None:
    assert (broken(GOOD), unjudged(GOOD)) == ([], [])


@pytest.mark.parametrize(
    ("result", "name"),
    [
        (replace(GOOD, traffic=replace(GOOD.traffic, failed=1)), "failed statements"),
        (
            replace(GOOD, traffic=replace(GOOD.traffic, longest=0.27, longest_alone=0.27)),
            "longest wait",
        ),
        (replace(GOOD, crash=replace(GOOD.crash, redone=1)), "rows done twice"),
        (replace(GOOD, migrated=Sizes(table=121, indexes=10)), "size"),
        (replace(GOOD, first=replace(GOOD.first, mismatches=1)), "verification"),
        (replace(GOOD, first=replace(GOOD.first, rows=99)), "verification"),
        (replace(GOOD, repair=replace(GOOD.repair, mismatches=2)), "spoilt row"),
        (replace(GOOD, repair=replace(GOOD.repair, named=(8,))), "spoilt row"),
        (replace(GOOD, repair=replace(GOOD.repair, mended=False)), "spoilt row"),
        (
            replace(
                GOOD,
                traffic=replace(
                    GOOD.traffic, locked=(SceneWait(scene="purge", longest=0.3, alone=0.27),)
                ),
            ),
            "of it, locks",
        ),
        (replace(GOOD, traffic=replace(GOOD.traffic, locked=())), "of it, locks"),
        (replace(GOOD, backup=replace(GOOD.backup, rows=99)), "backup"),
        (replace(GOOD, undone=replace(UNDONE, dump_identical=False)), "undo from psql"),
        (replace(GOOD, undone=replace(UNDONE, remnants=("trigger x",))), "undo from psql"),
        (replace(GOOD, undone=replace(UNDONE, answer="f")), "undo from psql"),
        (replace(GOOD, undone=replace(UNDONE, not_archived=1)), "archive"),
        (replace(GOOD, undone=replace(UNDONE, archived=0)), "archive"),
        (replace(GOOD, undone=replace(UNDONE, wrong_dates=("user 1",))), "archive"),
        (
            replace(GOOD, undone=replace(UNDONE, account=replace(UNDONE.account, found=3))),
            "writes",
        ),
        (replace(GOOD, completed=replace(DONE, remnants=("trigger x",))), "after purge"),
        (replace(GOOD, completed=replace(DONE, gained=())), "after purge"),
        (replace(GOOD, completed=replace(DONE, lost=("index",))), "after purge"),
        (
            replace(GOOD, completed=replace(DONE, account=replace(DONE.account, found=4))),
            "writes",
        ),
        (replace(GOOD, completed=replace(DONE, changed_unasked=1)), "other rows"),
        (replace(GOOD, completed=replace(DONE, decisions=DONE.decisions[:2])), "who decided"),
        (out("B", "expanded", "contracted"), "roll-out"),
        (out("B", "verified", "completed"), "roll-out"),
        (out("C", "verified", "contracted"), "roll-out"),
        (replace(GOOD, stays=GOOD.stays[:2]), "roll-out"),
    ],
)
def test_each_promise_can_be_broken(result: Result, name: str) -> None:
    assert broken(result) == [name]


def held_up(longest: float, alone: float, control: float = 0.9) -> Result:
    """Return the good run with a wait of which a part was everybody's."""
    seen = replace(GOOD.traffic, longest=longest, longest_alone=alone, longest_control=control)
    return replace(GOOD, traffic=seen)


def test_a_wait_that_others_shared_is_not_judged_and_not_called_kept() -> None:
    shared = held_up(1.3, 0.02)
    said = next(one.measured for one in promises(shared) if one.name == "longest wait")
    assert (broken(shared), unjudged(shared)) == ([], ["longest wait"])
    assert said.startswith("1,300 ms")
    assert "waited too, up to 900 ms" in said
    assert "20 ms (10 ms)" in said
    assert "nobody can say" in said


def test_what_a_shared_wait_does_not_explain_breaks_the_promise() -> None:
    assert broken(held_up(1.3, 0.27)) == ["longest wait"]
    assert unjudged(held_up(1.1, 1.1)) == ["longest wait"]
    assert broken(held_up(1.1, 1.1, control=0.8)) == ["longest wait"]
    assert broken(held_up(0.2, 0.2)) == unjudged(held_up(0.2, 0.2)) == []


def test_waits_under_locks_are_judged_by_the_worst_of_them() -> None:
    shared = SceneWait(scene="undo", longest=0.5, alone=0.1)
    own = SceneWait(scene="purge", longest=0.5, alone=0.5)
    both = [
        replace(GOOD, traffic=replace(GOOD.traffic, locked=one))
        for one in ((shared,), (shared, own))
    ]
    assert [unjudged(one) for one in both] == [["of it, locks"], []]
    assert [broken(one) for one in both] == [[], ["of it, locks"]]


def test_the_worst_verdict_counts() -> None:
    assert worst([True, None]) is None
    assert worst([True, None, False]) is False
    assert worst([True]) is True


def test_what_everybody_waited_for_is_taken_off_once() -> None:
    held = waits([slow(1.0, 1.0), slow(1.5, 1.0), slow(5.0, 1.0), slow(8.0, 0.01)])
    assert held == (Wait(begun=1.0, ended=2.5), Wait(begun=5.0, ended=6.0))
    assert alone(1.5, 3.0, held) == pytest.approx(0.5)
    assert alone(3.0, 4.0, held) == pytest.approx(1.0)


def slow(begun: float, seconds: float) -> Entry:
    return replace(write(1, "a"), begun=begun, seconds=seconds)


def write(revision: int, token: str, *, flag: bool | None = True, id: int = 1) -> Entry:
    return Entry(
        begun=0.0,
        seconds=0.1,
        kind=Kind.CHANGE,
        id=id,
        revision=revision,
        flag=flag,
        token=token,
        error=None,
    )


def test_writes_that_are_all_there_are_found() -> None:
    login = replace(write(3, ""), kind=Kind.LOGIN, token=None, flag=None)
    account = settle(
        [write(2, "b"), write(1, "a"), login], {1: Standing(revision=3, flag=True, token="b")}
    )
    assert (account.acknowledged, account.found, account.missing) == (3, 3, ())


@pytest.mark.parametrize(
    ("writes", "standing"),
    [
        ([write(1, "a")], None),
        ([write(2, "a")], Standing(revision=1, flag=True, token="a")),
        ([write(1, "a")], Standing(revision=1, flag=True, token="other")),
        ([write(1, "a")], Standing(revision=1, flag=None, token="a")),
        ([write(1, "a"), write(2, "b")], Standing(revision=2, flag=True, token="a")),
    ],
)
def test_a_lost_write_is_missed(writes: list[Entry], standing: Standing | None) -> None:
    account = settle(writes, {1: standing} if standing else {})
    assert account.found == account.acknowledged - 1
    assert len(account.missing) == 1


def test_rows_that_are_written_meanwhile_are_left_out_of_a_live_account() -> None:
    standings = {
        1: Standing(revision=2, flag=True, token="later"),
        2: Standing(revision=1, flag=True, token="a"),
        3: Standing(revision=0, flag=None, token=None),
    }
    writes = [write(1, "a"), write(1, "a", id=2), write(1, "a", id=3)]
    account = settle(writes, standings, live=True)
    assert (account.acknowledged, account.found) == (2, 1)
    assert account.missing == ("id 3, revision 1: the row stands at revision 0",)


def test_two_writes_with_one_revision_are_both_in_doubt() -> None:
    standings = {1: Standing(revision=1, flag=True, token="a")}
    assert settle([write(1, "a"), write(1, "a")], standings).found == 0


def test_the_random_key_of_a_dump_is_left_out() -> None:
    assert without_key("\\restrict abc\nCREATE\n\\unrestrict abc\n") == "CREATE\n"


def test_a_moment_belongs_to_the_scene_that_had_begun() -> None:
    timeline = Timeline()
    first = timeline.begin("first")
    second = timeline.begin("second")
    assert timeline.at(first - 1) == "first"
    assert timeline.at(second + 1) == "second"
