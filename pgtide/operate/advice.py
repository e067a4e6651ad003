"""What happens next to a migration, and which command brings it about: one sentence or two."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from pgtide.model.gate import Gate
from pgtide.model.route import LATER, next_phase
from pgtide.model.state import RUNNING, UNDOING, UNTOUCHED, Phase, State, undoable


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What advice depends on; `name` is what a person types for the migration."""

    name: str
    state: State
    standing: State | None = None
    sweep_due: bool = False
    held: bool = False
    alive: bool = False
    gate: Gate | None = None
    replaces: bool = True
    release: str | None = None
    not_before: datetime | None = None
    # A verification that had passed counts no more, and nobody has acted on that yet.
    void: bool = False
    # False: a statement or a write has closed it, wherever the migration stands.
    way_back: bool = True
    # False: nor can contract alone be undone.
    contract_back: bool = True
    # How many rows could not be filled.
    quarantined: int = 0


def advice(one: Standing) -> str:
    """Say what happens next, and with which command."""
    name = one.name
    if one.alive and one.state in RUNNING.values():
        return f"It is at work and goes on by itself; `pgtide pause {name}` holds it."
    if one.held and one.state not in UNTOUCHED | {State.COMPLETED}:
        if not (one.way_back and undoable(one.state, one.standing)):
            return f"An operator holds it: `pgtide resume {name}` ends that."
        return f"An operator holds it: `pgtide resume {name}` goes on, `pgtide down {name}` undoes."
    return _unattended(one)


def _unattended(one: Standing) -> str:
    state = one.state
    phase = next_phase(one.standing or state, sweep_due=one.sweep_due, until=Phase.PURGE)
    if state is State.BACKFILLED and one.sweep_due:
        sentence = _WITHDRAWN
    elif one.void and (state is State.VERIFIED or (state in _VOID and one.contract_back)):
        sentence = _VOID[state]
    elif one.gate is not None and state is not State.FAILED:
        sentence = _GATES[one.gate] if one.replaces else _ADDED.get(one.gate, _GATES[one.gate])
    elif phase in LATER and state in {State.PAUSED, State.FAILED, *RUNNING.values()}:
        sentence = _LATE[phase][state is State.FAILED]
    elif state is State.CONTRACTED and not one.replaces:
        sentence = _ADDED_CONTRACTED
    elif state is State.FAILED and one.quarantined:
        sentence = _QUARANTINED
    elif state in RUNNING.values() and state not in UNDOING:
        sentence = _CUT_OFF
    else:
        sentence = _SENTENCES.get(state, _GOES_ON)
    return sentence.format(
        name=one.name,
        phase=phase,
        live=_live(one),
        when=_when(one),
        back=_back(one),
        uncontract=_uncontract(one),
    )


def _back(one: Standing) -> str:
    if not one.way_back:
        if one.state is State.CONTRACTED and one.contract_back:
            return f"until then `pgtide down {one.name} --to verified` undoes contract, and no more"
        return "there is no way back to the old shape any more"
    if one.state is State.CONTRACTED:
        return f"until then `pgtide down {one.name}` undoes it, with `--to verified` contract only"
    return f"`pgtide down {one.name}` undoes it"


def _uncontract(one: Standing) -> str:
    if not one.contract_back:
        return "there is no way back"
    return f"`pgtide down {one.name} --to verified` takes it back"


def _live(one: Standing) -> str:
    return f"release {one.release} or a later one" if one.release else "a later release"


def _when(one: Standing) -> str:
    if one.not_before is None:
        return ""
    return f", not before {one.not_before:%Y-%m-%d %H:%M:%S} UTC (or with `--now --reason TEXT`)"


_GATES: Final = MappingProxyType(
    {
        Gate.DUAL_WRITE_DEPLOYED: (
            "Once the release that writes both shapes is out, `pgtide approve {name} "
            "dual_write_deployed --reason TEXT`, then `pgtide up {name}` goes on; {back}."
        ),
        Gate.CONTRACT: (
            "Both shapes hold the same. With {live} live, `pgtide approve {name} contract "
            "--reason TEXT`, then `pgtide contract {name} --release V` goes on{when}; {back}."
        ),
        Gate.READS_SWITCHED: (
            "The new columns have the final names. Once nobody reads the old ones, `pgtide approve "
            "{name} reads_switched --reason TEXT`, then `pgtide purge {name}` drops them for good"
            "{when}; {back}."
        ),
    }
)
# Where columns are only added.
_ADDED: Final = MappingProxyType(
    {
        Gate.READS_SWITCHED: (
            "What was added is in use. Once it is sure to stay, `pgtide approve {name} "
            "reads_switched --reason TEXT`, then `pgtide purge {name}` drops the triggers{when}; "
            "{back}."
        ),
    }
)
_ADDED_CONTRACTED: Final = (
    "What was added is in use. `pgtide purge {name}` drops the triggers for good{when}; {back}."
)
_WITHDRAWN: Final = "Rows may be out of step: `pgtide up {name}` sweeps them and verifies."
_VOID: Final = MappingProxyType(
    {
        State.VERIFIED: (
            "What was verified holds no more: `pgtide verify {name}` looks again; where it finds "
            "anything, `pgtide up {name}` sweeps and verifies; {back}."
        ),
        State.CONTRACTED: (
            "Writes may have gone past the triggers: `pgtide down {name} --to verified`, then "
            "`pgtide up {name}`, which sweeps and verifies; then contract again."
        ),
    }
)
_LATE: Final = MappingProxyType(
    {
        Phase.CONTRACT: (
            (
                "Nobody works on it: its run ended in mid-contract. `pgtide contract {name} "
                "--release V` goes on; {uncontract}."
            ),
            ("Mend the cause, then `pgtide contract {name} --release V` goes on; {uncontract}."),
        ),
        Phase.PURGE: (
            (
                "Nobody works on it: its run ended in mid-purge. `pgtide purge {name}` goes on; "
                "there is no way back."
            ),
            "Mend the cause, then `pgtide purge {name}` goes on; there is no way back.",
        ),
    }
)
_CUT_OFF: Final = (
    "Nobody works on it: its run ended in mid-{phase}. `pgtide up {name}` goes on from the last "
    "checkpoint{when}."
)
_QUARANTINED: Final = (
    "Mend or delete the rows that `pgtide quarantine {name}` lists, or what refuses them, then "
    "`pgtide up {name}` tries them again and goes on with {phase}{when}; {back}."
)
_GOES_ON: Final = "`pgtide up {name}` goes on with {phase}{when}."
_HALF_UNDONE: Final = (
    "The undo has not come to its end, and nobody works on it: mend what stopped it, then "
    "`pgtide down {name}` goes on."
)
_SENTENCES: Final = MappingProxyType(
    {
        State.PLANNED: (
            "`pgtide plan {name}` shows what it would do, `pgtide up {name}` does it{when}."
        ),
        State.VERIFIED: (
            "Both shapes hold the same. With {live} live, `pgtide contract {name} "
            "--release V` goes on{when}; {back}."
        ),
        State.CONTRACTED: (
            "The new columns have the final names. `pgtide purge {name}` drops the old ones for "
            "good{when}; {back}."
        ),
        State.COMPLETED: "Completed: only the new shape is left.",
        State.FAILED: (
            "Mend the cause, then `pgtide up {name}` goes on with {phase}{when}; {back}."
        ),
        State.ROLLING_BACK: _HALF_UNDONE,
        State.ROLLBACK_FAILED: _HALF_UNDONE,
        State.ROLLED_BACK: "Undone; `pgtide up {name}` would start over.",
    }
)
