"""The ledger's memory of steps: what acted, and what would undo it."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from pgtide.ledger.lease import Lease
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedStep:
    """A step as it was recorded, with its undo statements."""

    name: str
    phase: str
    state: str
    sql: str
    undo: tuple[str, ...]
    irreversible: str
    transactional: bool
    attempts: int
    lock_tries: int
    seconds: float | None


def begin(session: Session, lease: Lease, step: Step, *, ordinal: int) -> None:
    """Note that a step is about to act."""
    session.execute(
        _SQL["begin_step"],
        {
            "id": lease.migration_id,
            "attempt": lease.attempt,
            "name": step.name,
            "phase": step.phase,
            "ordinal": ordinal,
            "sql": ";\n".join(statement.sql for statement in step.statements),
            "undo": json.dumps(step.undo),
            "irreversible": step.irreversible,
            "undo_inside": json.dumps(step.undo_inside),
            "transactional": step.transactional,
        },
        doing="noting a step",
    )


def end(session: Session, lease: Lease, step: Step, *, tries: int, seconds: float) -> None:
    """Note that a step's effect is in the catalog; seconds from its first try on."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "name": step.name}
    session.execute(
        _SQL["end_step"], {**where, "tries": tries, "seconds": seconds}, doing="noting a step"
    )


def undone(session: Session, lease: Lease, name: str) -> None:
    """Note that a step was taken back."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "name": name}
    session.execute(_SQL["undo_step"], where, doing="noting an undone step")


def irreversible(
    session: Session, migration_id: str, phases: Collection[Phase] = tuple(Phase)
) -> list[RecordedStep]:
    """Return the steps of these phases that were taken and that nothing can take back."""
    return [
        step
        for step in recorded(session, migration_id)
        if step.irreversible and step.state != "undone" and step.phase in phases
    ]


def is_done(session: Session, migration_id: str, name: str) -> bool:
    """Tell whether a step of the present attempt has its effect."""
    known = recorded(session, migration_id)
    return any(one.name == name and one.state == "done" for one in known)


def recorded(session: Session, migration_id: str) -> list[RecordedStep]:
    """Return the steps of the present attempt, the last first."""
    return [
        RecordedStep(
            **{
                **{k: v for k, v in row.items() if k != "undo_sql"},
                "undo": tuple(json.loads(row["undo_sql"])),
            }
        )
        for row in session.rows(_SQL["steps"], {"id": migration_id})
    ]
