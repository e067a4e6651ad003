"""What happens next to a migration, and which command brings it about: one sentence or two."""

from dataclasses import dataclass
from typing import assert_never

from pgtide.model.route import next_phase
from pgtide.model.state import RUNNING, UNTOUCHED, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What advice depends on; `name` is what a person types for the migration."""

    name: str
    state: State
    standing: State | None = None
    sweep_due: bool = False
    held: bool = False
    alive: bool = False


def advice(one: Standing) -> str:
    """Say what happens next, and with which command."""
    name = one.name
    if one.alive and one.state in RUNNING.values():
        return f"It is at work and goes on by itself; `pgtide pause {name}` holds it."
    if one.held and one.state not in UNTOUCHED:
        return f"An operator holds it: `pgtide resume {name}` goes on, `pgtide down {name}` undoes."
    return _unattended(one)


def _unattended(one: Standing) -> str:  # noqa: PLR0911  # one per kind of state
    name, phase = one.name, next_phase(one.standing or one.state, sweep_due=one.sweep_due)
    match one.state:
        case State.PLANNED:
            return f"`pgtide plan {name}` shows what it would do, `pgtide up {name}` does it."
        case State.VERIFIED:
            return (
                f"Done: both shapes hold the same. `pgtide verify {name}` looks again, "
                f"`pgtide down {name}` undoes it."
            )
        case State.ROLLED_BACK:
            return f"Undone; `pgtide up {name}` would start over."
        case State.ROLLING_BACK | State.ROLLBACK_FAILED:
            return f"Half undone, and nobody works on it: `pgtide down {name}` goes on with that."
        case State.FAILED:
            return (
                f"Mend the cause, then `pgtide up {name}` goes on with {phase}; "
                f"`pgtide down {name}` undoes it."
            )
        case State.BACKFILLED if one.sweep_due:
            return f"Verification was withdrawn: `pgtide up {name}` sweeps and verifies again."
        case State.PAUSED | State.EXPANDED | State.BACKFILLED | State.FINALIZED:
            return f"`pgtide up {name}` goes on with {phase}."
        case State.EXPANDING | State.BACKFILLING | State.FINALIZING | State.VERIFYING:
            return (
                f"Nobody works on it: its run ended in mid-{phase}. `pgtide up {name}` goes on "
                "from the last checkpoint."
            )
        case _:
            assert_never(one.state)
