"""What is read of a run from outside: phases, verdicts, and what the applications saw."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from demo.commands import Commands
from demo.control import Wait, longest_wait
from demo.journal import Entry, longest
from demo.noise import between, longest_alone
from demo.result import Check, PhaseTime, SceneWait, Traffic
from demo.timeline import Timeline

_FIRST_ERRORS = 3


def read_status(commands: Commands, migration: str) -> dict[str, Any]:
    """Return what `pgtide status --json` says of the migration."""
    status: dict[str, Any] = commands.read("status", migration)[0]
    return status


def phase_times(status: dict[str, Any]) -> tuple[PhaseTime, ...]:
    """Return the phases that have ended, in their order."""
    return tuple(
        PhaseTime(phase=one["phase"], seconds=one["seconds"], rows=one["rows"])
        for one in status["phases"]
        if one["state"] == "done"
    )


def verdict(status: dict[str, Any]) -> Check:
    """Return the last verification."""
    one = status["verification"]
    return Check(level=one["level"], rows=one["rows"], mismatches=one["mismatches"])


def traffic(
    entries: Iterable[Entry],
    timeline: Timeline,
    held: Sequence[Wait],
    *,
    began: float,
    ended: float,
    locked: Sequence[str],
) -> Traffic:
    """Sum up what the applications saw: failures of the whole run, waits of the given span.

    `held` is when the control waited; `locked` are the scenes whose waits are shown each by
    itself.
    """
    everything = list(entries)
    errors = [entry.error for entry in everything if entry.error is not None]
    seen = between(everything, began, ended)
    worst = longest(seen)
    return Traffic(
        statements=len(everything),
        per_second=len(seen) / (ended - began),
        failed=len(errors),
        errors=tuple(errors[:_FIRST_ERRORS]),
        median=median(entry.seconds for entry in seen),
        longest=worst.seconds if worst else 0.0,
        longest_during=timeline.at(worst.begun) if worst else "",
        longest_alone=longest_alone(seen, held),
        longest_control=longest_wait(held, began, ended),
        locked=tuple(scene_wait(scene, seen, timeline, held) for scene in locked),
    )


def scene_wait(
    scene: str, seen: Iterable[Entry], timeline: Timeline, held: Sequence[Wait]
) -> SceneWait:
    """Return the longest wait of a scene; `held` is when the control waited."""
    during = [entry for entry in seen if timeline.at(entry.begun) == scene]
    worst = longest(during)
    return SceneWait(
        scene=scene,
        longest=worst.seconds if worst else 0.0,
        alone=longest_alone(during, held),
    )
