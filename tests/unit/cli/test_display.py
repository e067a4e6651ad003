"""The display follows the engine's events, and says what a person wants to know."""

import io
from dataclasses import replace

from rich.console import Console
from rich.spinner import Spinner

from cli.display.screen import screen, waits
from cli.display.view import View, follow, sentence
from pgtide.events import (
    BatchCommitted,
    LockWaited,
    PhaseBegan,
    PhaseEnded,
    RangeVerified,
    RunBegan,
    RunEnded,
    StepBegan,
    StepEnded,
    SweepEnded,
    WayBackClosed,
)
from pgtide.operate.declared import Declaration
from pgtide.operate.status import not_begun
from pgtide.operate.waiting import Wait

FILE = Declaration(id="20250101_000000_a", version="1.0.0", description="Words")
WAITED = LockWaited(step="expand.shape", attempt=2, tries=30, blockers=("pid 7 (ann, psql)",))
BATCH = BatchCommitted(
    slice_id=1, kind="walk", round=0, step=0, cursor=0, end=9, rows=5, seconds=0.1
)


def began(phase: str) -> PhaseBegan:
    return PhaseBegan(migration_id=FILE.id, phase=phase)


def drawn(view: View) -> str:
    file = io.StringIO()
    console = Console(file=file, width=100, force_terminal=False)
    status = replace(not_begun(FILE), percent=12.5, rows_done=125, rows_total=1000)
    console.print(screen(view, status, ["expand", "backfill", "verify"], Spinner("dots")))
    return file.getvalue()


def test_a_lock_is_waited_for_until_the_step_ends() -> None:
    view = follow(follow(View(), began("expand")), WAITED)
    assert "try 2 of 30" in (waits(view, None) or "")
    assert "pid 7 (ann, psql)" in drawn(view)
    done = StepEnded(step="expand.shape", tries=3, seconds=0.1, skipped=False)
    assert waits(follow(view, done), None) is None
    assert waits(follow(view, StepBegan(step="next")), None) is None


def test_a_run_waits_for_what_it_meets_and_not_for_what_it_was_let_past() -> None:
    soak = Wait(kind="soak", text="the end of its soak")
    hold = Wait(kind="hold", text="operator ann holds it: rush hour")
    status = replace(not_begun(FILE), waiting_for=(soak,))
    assert waits(View(), status) is None
    status = replace(status, waiting_for=(hold, soak))
    assert waits(View(), status) == "waiting for operator ann holds it: rush hour"


def test_the_phase_at_work_shows_its_figures_and_an_ended_one_its_time() -> None:
    ended = PhaseEnded(migration_id=FILE.id, phase="expand", seconds=61.0, rows=None)
    view = follow(follow(follow(View(), began("expand")), ended), began("backfill"))
    text = drawn(view)
    assert "1 min 1 s" in text
    assert "12.5 %, 125 of 1,000 rows" in text


def test_rows_count_anew_with_each_phase() -> None:
    view = follow(follow(follow(View(), began("backfill")), BATCH), BATCH)
    assert view.rows == 10
    assert follow(view, began("rollback")).rows == 0


def test_verification_shows_what_it_has_compared() -> None:
    view = follow(follow(View(), began("verify")), RangeVerified(rows=10, mismatches=1, done=0.5))
    assert "50 %, 10 rows compared, 1 out of step" in drawn(view)


def test_a_run_that_was_stopped_leaves_its_phase_unfinished() -> None:
    stopped = RunEnded(migration_id=FILE.id, outcome="interrupted")
    view = follow(follow(View(), began("backfill")), stopped)
    assert view.phase is None
    assert "rows/s" not in drawn(view)


def test_the_end_of_the_way_back_is_worth_a_sentence() -> None:
    event = WayBackClosed(step="finalize.sql.1", reason="the number is lost")
    assert sentence(event) == "there is no way back from finalize.sql.1 on: the number is lost"


def test_a_takeover_and_a_sweep_are_worth_a_sentence() -> None:
    taken = RunBegan(migration_id=FILE.id, run_id=2, token=2, taken_over="run 1 of ann")
    assert sentence(taken) == "taking over from run 1 of ann, whose heart has stopped"
    assert sentence(replace(taken, taken_over=None)) is None
    assert sentence(SweepEnded(round=0, rows=0)) == "the sweep found nothing left to do"
    assert sentence(SweepEnded(round=0, rows=3)) == "the sweep brought 3 more rows in step"
