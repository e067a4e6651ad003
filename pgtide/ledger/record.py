"""A migration's row in the ledger, and its moves from state to state."""

from dataclasses import dataclass
from typing import Any, Final

from pgtide.errors import Fenced, Refused
from pgtide.ledger.lease import Lease
from pgtide.ledger.schema import installed
from pgtide.model.migration import Migration
from pgtide.model.plan import Plan, read_plan
from pgtide.model.state import UNTOUCHED, State, allowed
from pgtide.model.table import TableName
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A migration as the ledger knows it."""

    id: str
    version: str
    description: str
    table: TableName
    table_oid: int
    state: State
    resume_to: State | None
    sweep_due: bool
    spec: str
    checksum: str
    plan_text: str
    fingerprint: str | None
    rows_total: int
    waiting_for: str | None
    # Where it is paused: operator, or window.
    paused_by: str | None
    last_error: str | None
    token: int
    attempt: int
    log_id: int | None

    @property
    def plan(self) -> Plan:
        """Return the plan that was settled when the migration began."""
        return read_plan(self.plan_text)

    @property
    def standing(self) -> State:
        """Return the state that counts.

        What a paused or failed migration remembers, else its own.
        """
        return self.resume_to or self.state


def find(session: Session, migration_id: str) -> Record | None:
    """Return a migration's record, if the ledger knows it."""
    if not installed(session):
        return None
    row = session.row(_SQL["migration"], {"id": migration_id})
    return _record(row) if row else None


def every(session: Session) -> list[Record]:
    """Return all records in the order of ids; none where there is no ledger."""
    return [_record(row) for row in session.rows(_SQL["migrations"])] if installed(session) else []


def unfinished_on(session: Session, oid: int, *, other_than: str) -> tuple[str, State] | None:
    """Return another migration that has begun on the table, if there is one."""
    if not installed(session):
        return None
    row = session.row(_SQL["unfinished_on_table"], {"oid": oid, "id": other_than})
    return (row["id"], State(row["state"])) if row else None


def same_version(session: Session, migration: Migration) -> str | None:
    """Return another migration that carries the same version, if there is one."""
    where = {"version": migration.version, "id": migration.id}
    return session.value(_SQL["same_version"], where) if installed(session) else None


def register(session: Session, migration: Migration, plan: Plan) -> None:
    """Write a migration and its plan down; does nothing where it has begun already."""
    known = find(session, migration.id)
    if known is not None and known.state not in UNTOUCHED:
        # Not even its row is locked: a run that sleeps in a transaction may hold it, and can only
        # be taken over further on.
        return
    session.execute(
        _SQL["register"],
        {
            "id": migration.id,
            "version": migration.version,
            "description": migration.description,
            "schema": plan.table.schema,
            "table": plan.table.name,
            "oid": plan.table_oid,
            "spec": migration.canonical,
            "checksum": migration.checksum,
            "plan": plan.to_json(),
            "contract_release": migration.contract_release,
        },
        doing="writing the migration down",
    )


def advance(
    session: Session,
    lease: Lease,
    seen: State,
    to: State,
    *,
    resume_to: State | None = None,
    error: str | None = None,
    waiting_for: str | None = None,
    paused_by: str | None = None,
    sweep_due: bool | None = None,
) -> None:
    """Move a migration to its next state; raises Fenced where a newer run has moved it."""
    if not allowed(seen, to):
        raise Refused(
            f"{lease.migration_id} cannot go from {seen} to {to}.",
            state=f"It is {seen}.",
            remedy="Run `pgtide status` to see what it can do.",
        )
    moved = session.row(
        _SQL["advance"],
        {
            "id": lease.migration_id,
            "seen": seen,
            "to": to,
            "token": lease.token,
            "resume_to": resume_to,
            "error": error,
            "waiting_for": waiting_for,
            "paused_by": paused_by,
            "sweep_due": sweep_due,
        },
        doing=f"moving to {to}",
    )
    if moved is None:
        raise fenced(lease)


def fence(session: Session, lease: Lease) -> None:
    """Hold the migration's row for this transaction.

    Raises Fenced where a newer run has taken over.
    """
    if session.row(_SQL["fence"], {"id": lease.migration_id, "token": lease.token}) is None:
        raise fenced(lease)


def set_fingerprint(session: Session, lease: Lease, fingerprint: str) -> None:
    """Keep what must not change until verification."""
    where = {"id": lease.migration_id, "token": lease.token, "fingerprint": fingerprint}
    session.execute(_SQL["set_fingerprint"], where)


def pay_sweep(session: Session, lease: Lease) -> None:
    """Note that the sweep which was due has been begun."""
    session.execute(_SQL["pay_sweep"], {"id": lease.migration_id, "token": lease.token})


def set_rows_total(session: Session, lease: Lease, rows: int) -> None:
    """Fix the denominator of progress."""
    session.execute(_SQL["set_rows_total"], {"id": lease.migration_id, "rows": rows})


def fenced(lease: Lease) -> Fenced:
    """Return the error of a run that has been taken over."""
    return Fenced(
        f"A newer run has taken over {lease.migration_id}.",
        state="This run wrote nothing after that; its committed batches are kept.",
        remedy="Run `pgtide status` to see who works on it now.",
    )


def _record(row: dict[str, Any]) -> Record:
    return Record(
        id=row["id"],
        version=row["version"],
        description=row["description"],
        table=TableName(schema=row["table_schema"], name=row["table_name"]),
        table_oid=int(row["table_oid"]),
        state=State(row["state"]),
        resume_to=State(row["resume_to"]) if row["resume_to"] else None,
        sweep_due=row["sweep_due"],
        spec=row["spec_text"],
        checksum=row["checksum"],
        plan_text=row["plan"],
        fingerprint=row["fingerprint"],
        rows_total=row["rows_total"],
        waiting_for=row["waiting_for"],
        # A ledger of an older pgtide has no such column.
        paused_by=row.get("paused_by"),
        last_error=row["last_error"],
        token=row["token"],
        attempt=row["attempt"],
        log_id=row["log_id"],
    )
