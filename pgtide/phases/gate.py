"""A gate: a migration goes through it once a person has approved."""

from types import MappingProxyType
from typing import Final

from pgtide.errors import AwaitingApproval
from pgtide.ledger.approvals import decision
from pgtide.ledger.record import Record
from pgtide.model.gate import Gate, asks
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_THEN: Final = MappingProxyType(
    {
        Gate.DUAL_WRITE_DEPLOYED: "pgtide up {name}",
        Gate.CONTRACT: "pgtide contract {name} --release V",
        Gate.READS_SWITCHED: "pgtide purge {name}",
    }
)
_OTHERS: Final = (
    " PGTIDE_FOUR_EYES is set: somebody who has not started it approves, from an account of their "
    "own."
)


def await_gate(session: Session, record: Record, gate: Gate, settings: Settings) -> None:
    """Return where a gate is approved; raise AwaitingApproval, with what to type, elsewhere.

    To be called before the phase is `conducted`: a gate is no state, so the state stays.
    """
    found = decision(session, record, gate, settings)
    if found.passes:
        return
    name = record.version
    who = _OTHERS if settings.four_eyes else ""
    raise AwaitingApproval(
        f"{record.id} waits at the gate {gate}, until a person confirms that "
        f"{asks(gate, record.plan)}; {found.why}.",
        state=f"It stays {record.state}; nothing was changed.",
        remedy=(
            f"Run `pgtide approve {name} {gate} --reason TEXT`, then "
            f"`{_THEN[gate].format(name=name)}`.{who}"
        ),
    )
