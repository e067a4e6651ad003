"""What is claimed of what Prefect costs, held against what was measured."""

from statistics import median
from typing import Final

from tests.bench.gate import Gate
from tests.bench.orchestration import Orchestrated

_SECONDS: Final = 15.0
_TASK_RUNS: Final = 300
INSIDE: Final = 1.05


def gates(measured: Orchestrated) -> tuple[Gate, ...]:
    """Return every claim with its verdict."""
    return (_empty(measured), *_counted(measured), _inside(measured), _control(measured))


def _empty(measured: Orchestrated) -> Gate:
    runs = [run for run, _ in measured.by_runner]
    whole = [whole for _, whole in measured.by_runner]
    return Gate(
        claim=f"the flow of an empty table takes less than {_SECONDS:.0f} s",
        kept=max(*measured.here, *runs) < _SECONDS,
        measured=f"{median(measured.here):.1f} s, at most {max(measured.here):.1f}; started by a "
        f"runner {median(runs):.1f} s, at most {max(runs):.1f} ({median(whole):.1f} s with the "
        "process)",
    )


def _counted(measured: Orchestrated) -> tuple[Gate, Gate]:
    seen = measured.counted
    return (
        Gate(
            claim=f"a table of any size has fewer than {_TASK_RUNS} task runs",
            kept=0 < seen.task_runs < _TASK_RUNS,
            measured=f"{seen.task_runs:,}, of {seen.slices:,} slices",
        ),
        Gate(
            claim=f"control: one task run for each slice would be more than {_TASK_RUNS}",
            kept=seen.slices > _TASK_RUNS,
            measured=f"{seen.slices:,} slices",
        ),
    )


def _inside(measured: Orchestrated) -> Gate:
    # A machine that differs from itself by more than is allowed can hide what is asked for.
    heard = measured.noise <= INSIDE - 1
    return Gate(
        claim=f"a backfill inside Prefect, of the time without: at most {INSIDE:.2f}",
        kept=heard and measured.inside <= INSIDE,
        measured=f"{measured.inside:.3f}, noise {measured.noise:.3f}"
        + ("" if heard else ", too much for a verdict"),
    )


def _control(measured: Orchestrated) -> Gate:
    return Gate(
        claim=f"control: with an artifact awaited for each batch it is more than {INSIDE:.2f}, "
        "plus noise",
        kept=measured.control > INSIDE + measured.noise,
        measured=f"{measured.control:.3f}",
    )
