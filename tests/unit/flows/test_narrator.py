"""The log of a flow run is words, and few of them."""

from dataclasses import replace

from flows.narrator import Narrator, told
from pgtide.events import (
    BatchCommitted,
    LockWaited,
    PhaseEnded,
    RunBegan,
    StatementBegan,
    StepEnded,
)


def batch(rows: int) -> BatchCommitted:
    return BatchCommitted(
        slice_id=1, kind="walk", round=0, step=0, cursor=0, end=9, rows=rows, seconds=0.1
    )


def test_batches_are_told_of_every_few_seconds_with_their_sum() -> None:
    said: list[str] = []
    now = [0.0]
    narrator = Narrator(said.append, lambda: now[0])
    for second in range(12):
        now[0] = float(second)
        narrator(batch(1_000))
    assert said == ["6,000 rows filled by this run", "11,000 rows filled by this run"]


def test_a_wait_for_a_lock_names_who_is_in_the_way() -> None:
    event = LockWaited(step="expand.shape", attempt=2, tries=30, blockers=("pid 7 (psql)",))
    assert told(event) == "expand.shape waits for a lock, try 2 of 30, behind pid 7 (psql)"
    gone = LockWaited(step="expand.shape", attempt=2, tries=30, blockers=())
    assert told(gone).endswith("behind nobody who is still there")
    writes = replace(event, step="verify.open_writes", awaited="the end of open writes")
    assert told(writes).startswith("verify.open_writes waits for the end of open writes, try 2")


def test_a_takeover_names_the_run_that_was_found_dead() -> None:
    event = RunBegan(migration_id="m", run_id=2, token=3, taken_over="run 1 by ann")
    assert told(event) == "Run 2 took m over from run 1 by ann"


def test_phases_and_steps_are_told_with_their_times() -> None:
    assert told(PhaseEnded(migration_id="m", phase="expand", seconds=1.26, rows=None)) == (
        "expand ended after 1.3 s"
    )
    assert told(StepEnded(step="s", tries=3, seconds=2, skipped=False)) == (
        "s done after 2.0 s and 3 tries"
    )
    assert told(StepEnded(step="s", tries=0, seconds=0, skipped=True)) == "s was there already"


def test_what_is_not_worth_a_sentence_is_not_told() -> None:
    assert told(StatementBegan(step="s", ordinal=0)) == ""
