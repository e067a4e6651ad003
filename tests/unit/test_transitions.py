"""The table of states: nothing else is allowed, all of it is reached, and the ledger agrees."""

import re
from itertools import pairwise, product

import pytest

from pgtide.ledger.schema import UPGRADES
from pgtide.model.state import DONE, RUNNING, TRANSITIONS, UNTOUCHED, Phase, State, allowed
from pgtide.sql import script

EDGES = {(seen, to) for seen, targets in TRANSITIONS.items() for to in targets}
# The way forward, the ways out of it, and the ways back: written a second time, by hand.
FORWARD = (
    "planned", "backing_up", "backed_up", "expanding", "expanded", "backfilling", "backfilled",
    "finalizing", "finalized", "verifying", "verified", "contracting", "contracted", "purging",
    "completed",
)  # fmt: skip
WORK = (
    "backing_up", "expanding", "backfilling", "finalizing", "verifying", "contracting", "purging",
)  # fmt: skip
# Purge cannot be undone.
KEPT = FORWARD[: FORWARD.index("purging")]
BY_HAND = {
    *pairwise(FORWARD),
    *((state, "rolling_back") for state in KEPT[1:]),
    ("planned", "expanding"),
    # Only work is held or fails; between two phases a hold is no state.
    *((work, out) for work in WORK for out in ("paused", "failed")),
    *((out, work) for work in WORK for out in ("paused", "failed")),
    ("paused", "rolling_back"),
    ("failed", "rolling_back"),
    ("contracting", "verified"),
    *((state, "backfilled") for state in ("finalizing", "verifying", "verified", "contracting")),
    # A contract that was left is withdrawn where it stands.
    *((aside, "backfilled") for aside in ("paused", "failed")),
    ("backfilled", "backfilling"),
    ("verified", "verifying"),
    ("rolling_back", "rolled_back"),
    ("rolling_back", "verified"),
    ("rolling_back", "contracted"),
    ("purging", "contracted"),
    ("rolling_back", "rollback_failed"),
    ("rollback_failed", "rolling_back"),
    ("rolled_back", "planned"),
}


@pytest.mark.parametrize(("seen", "to"), list(product(State, State)))
def test_a_migration_may_go_where_the_table_says_and_nowhere_else(seen: State, to: State) -> None:
    assert allowed(seen, to) == ((str(seen), str(to)) in BY_HAND)


def test_every_edge_has_a_sentence() -> None:
    sentences = [TRANSITIONS[seen][to] for seen, to in EDGES]
    assert [s for s in sentences if len(s) < 5 or s != s.strip() or s.endswith(".")] == []


def test_every_state_can_be_reached_and_left() -> None:
    reached = {State.PLANNED}
    while fresh := {to for seen, to in EDGES if seen in reached} - reached:
        reached |= fresh
    assert reached == set(State)
    assert set(TRANSITIONS) == set(State)
    assert [state for state in State if not TRANSITIONS[state]] == [State.COMPLETED]


def test_every_state_with_traces_on_the_table_can_be_undone() -> None:
    undoable = {state for state in State if allowed(state, State.ROLLING_BACK)}
    for_good = {State.PURGING, State.COMPLETED}
    assert undoable == set(State) - UNTOUCHED - for_good - {State.ROLLING_BACK}


def test_every_phase_runs_in_a_state_and_ends_in_the_one_after() -> None:
    assert set(RUNNING) == set(DONE) == set(Phase) - {Phase.PREFLIGHT}
    assert [phase for phase in RUNNING if not allowed(RUNNING[phase], DONE[phase])] == []


def test_the_ledger_knows_the_same_states() -> None:
    scripts = "".join(script(name) for name in UPGRADES)
    *_, listed = re.findall(r"state_known CHECK \(state IN \(([^)]*)\)", scripts)
    assert set(re.findall(r"'(\w+)'", listed)) == {str(state) for state in State}
