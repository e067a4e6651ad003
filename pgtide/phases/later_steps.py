"""The steps of contract and purge as they would be made now; the plan shows them."""

from pgtide.changes.contract import SHAPE, contract_step
from pgtide.changes.purge import purge_steps
from pgtide.ledger import steps
from pgtide.ledger.record import Record
from pgtide.ledger.steps import RecordedStep
from pgtide.model.plan import Plan
from pgtide.model.state import UNTOUCHED, Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table
from pgtide.postgres.followers import read_followers
from pgtide.postgres.session import Session


def later_steps(
    session: Session, plan: Plan, table: Table, record: Record | None
) -> tuple[Step, ...]:
    """Return the steps of contract and purge: those that were carried out, and a preview of others.

    What follows the columns is read again when contract begins.
    """
    known = steps.recorded(session, record.id) if record and record.state not in UNTOUCHED else []
    done = {one.name: _carried_out(one) for one in known if one.state == "done"}
    contract = done.get(SHAPE) or contract_step(plan, table, read_followers(session, plan))
    return (contract, *(done.get(one.name, one) for one in purge_steps(plan, table)))


def _carried_out(one: RecordedStep) -> Step:
    statement = Statement(
        sql=one.sql,
        lock=Lock.ACCESS_EXCLUSIVE,
        why="as it was carried out",
        undo=";\n".join(one.undo),
    )
    return Step(name=one.name, phase=Phase(one.phase), statements=(statement,), present="")
