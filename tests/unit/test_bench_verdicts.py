"""When the bench says that a lock's hold grows with the table, and whose turn it is."""

from collections import Counter

from tests.bench import target_gates
from tests.bench.rotation import rotated
from tests.bench.targets import Kept
from tests.bench.undo import Try, Undone
from tests.bench.undo_gates import gates, grows
from tests.bench.undoing import NAIVE, PGTIDE


def undone(way: str, rows: int, *holds: float, blink: float = 0.002) -> Undone:
    tries = tuple(
        Try(
            way=way,
            rows=rows,
            hold=hold,
            stall=hold,
            quiet=0.005,
            blink=blink,
            seconds=1.0,
            failures=0,
        )
        for hold in holds
    )
    return Undone(way=way, rows=rows, tries=tries)


def test_a_hold_within_what_the_smaller_tables_tries_differ_by_does_not_grow() -> None:
    small = undone("psql", 300, 0.020, 0.020, 0.022, 0.024, 0.030)
    assert not grows(small, undone("psql", 3000, 0.029, 0.031, 0.032, 0.9, 0.031))
    assert grows(small, undone("psql", 3000, 0.029, 0.033, 0.034, 0.9, 0.033))


def test_one_slow_try_of_five_moves_no_median_and_a_slower_median_is_no_noise() -> None:
    small = undone("psql", 300, *[0.020] * 5)
    assert not grows(small, undone("psql", 3000, 5.0, *[0.020] * 4))
    assert grows(small, undone("psql", 3000, *[0.020] * 2, *[0.030] * 3))


def verdicts(control: float, *, stall: float = 0.02) -> dict[str, bool]:
    measured = [undone(way, rows, *[stall] * 5) for way in PGTIDE for rows in (300, 3000)]
    measured += [undone(NAIVE, 300, *[0.04] * 5), undone(NAIVE, 3000, *[control] * 5)]
    return {gate.claim: gate.kept for gate in gates(measured)}


def test_a_control_that_does_not_grow_spoils_the_verdict() -> None:
    assert all(verdicts(0.4).values())
    [(claim, kept)] = [(c, k) for c, k in verdicts(0.1).items() if not k]
    assert claim.startswith("the control")
    assert not kept


def test_a_wait_beyond_the_budget_is_a_broken_claim() -> None:
    broken = [claim for claim, kept in verdicts(0.4, stall=0.3).items() if not kept]
    assert len(broken) == len(PGTIDE)
    assert all("a writer waits at most 250 ms" in claim for claim in broken)


def test_a_machine_that_stumbles_keeps_no_claim() -> None:
    holds = {300: [0.02, 0.02, 0.02, 0.02, 5.0], 3000: [4.0] * 5}
    measured = [undone(way, rows, *holds[rows]) for way in PGTIDE for rows in holds]
    measured += [undone(NAIVE, 300, *[0.04] * 5), undone(NAIVE, 3000, *[0.4] * 5)]
    flat = [gate.kept for gate in gates(measured) if "held no longer" in gate.claim]
    assert flat == [False, False]


def test_everybody_has_a_turn_a_round_and_the_rounds_begin_with_others() -> None:
    turns = list(rotated("abc", 4))
    assert "".join(turns) == "abcbcacababc"
    assert set(Counter(turns).values()) == {4}


def test_a_batch_target_is_kept_by_the_median_of_the_tries_that_were_long_enough() -> None:
    def kept(*seconds: float | None) -> bool:
        (gate,) = target_gates.gates([Kept(kind="narrow", target=0.05, seconds=seconds)])
        return gate.kept

    assert kept(0.041, 0.05, 0.09)
    assert not kept(0.02, 0.061, 0.09)
    assert not kept(0.03, None, 0.035)
    assert not kept(None, None)
    assert not kept(None, 0.05, None)
