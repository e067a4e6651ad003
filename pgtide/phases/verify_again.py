"""Verification on demand: it needs nothing but the ledger, and both shapes to compare."""

from types import MappingProxyType
from typing import Final

from pgtide.errors import Refused
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import RUNNING, UNDOING, Phase, State, allowed
from pgtide.model.verification import Verification
from pgtide.phases.begun import begun
from pgtide.phases.verify import verify
from pgtide.settings import Settings

_CONTRACTING: Final = (
    "contract has begun, which reads the proof of the last verification under its lock.",
    (
        "`pgtide contract {name} --release V` goes on; `pgtide down {name} --to verified` takes it "
        "back, and it can be verified again then."
    ),
)
_CONTRACTED: Final = (
    "its rows were compared before contract, and the triggers have kept both shapes in step since.",
    (
        "Purge makes sure that nobody touched the triggers. To compare again: `pgtide down {name} "
        "--to verified`, then `pgtide verify {name}`."
    ),
)
_PURGED: Final = (
    "purge has begun, and what it was compared with is gone or going.",
    "There is nothing left to verify; `pgtide history {name}` shows what was found.",
)
_UNDONE: Final = ("it is being undone.", "`pgtide down {name}` goes on with that.")
_TOO_EARLY: Final = ("there is nothing to compare yet.", "`pgtide up {name}` verifies at its end.")
_WHY: Final = MappingProxyType(
    {
        State.CONTRACTING: _CONTRACTING,
        State.CONTRACTED: _CONTRACTED,
        State.PURGING: _PURGED,
        State.COMPLETED: _PURGED,
        **dict.fromkeys(UNDOING, _UNDONE),
    }
)


def verify_again(settings: Settings, caller: Caller, record: Record) -> Verification:
    """Verify now; raises Mismatched, after withdrawing `verified`, where anything is wrong."""
    _refuse_elsewhere(record)
    with begun(settings, caller, record) as run:
        return verify(run)


def _refuse_elsewhere(record: Record) -> None:
    running = RUNNING[Phase.VERIFY]
    # One that failed elsewhere remembers where, and goes on from there.
    startable = record.standing is running or allowed(record.standing, running)
    if startable and record.state is not State.PAUSED:
        return
    why, remedy = _WHY.get(record.standing, _TOO_EARLY)
    if startable:
        why, remedy = "it goes on where it was held.", "`pgtide resume {name}` does that."
    raise Refused(
        f"{record.id} cannot be verified now, being {record.state.replace('_', ' ')}: {why}",
        state="Nothing was changed.",
        remedy=remedy.format(name=record.version),
    )
