"""The application's own triggers in the backfill: which fire, and whether they may be silent.

In the role of a replica a session fires only what is ENABLE ALWAYS, as the sync triggers are, or
ENABLE REPLICA. The server's own triggers are silent too: those behind foreign keys and deferrable
constraints, so that these would be broken unseen.
"""

from typing import Final

from pgtide.errors import StatementFailed
from pgtide.model.plan import Plan
from pgtide.model.table import Table
from pgtide.phases.target import refused
from pgtide.postgres.faults import INSUFFICIENT_PRIVILEGE
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("user_triggers")


def firing(plan: Plan, table: Table) -> tuple[str, ...]:
    """Return the names of the application's triggers that the backfill's updates fire."""
    if plan.backfill is None:
        return ()
    return _fired(table, as_replica=_skips(plan))


def silent(plan: Plan, table: Table) -> tuple[str, ...]:
    """Return the names of those that would fire, had the author not asked for silence."""
    if plan.backfill is None or not _skips(plan):
        return ()
    fires = firing(plan, table)
    return tuple(name for name in _fired(table, as_replica=False) if name not in fires)


def refuse_loud(session: Session, plan: Plan) -> None:
    """Raise Refused where the application's triggers are to be silent and must or can not be."""
    if not _skips(plan):
        return
    _refuse_denied(session)
    written = [name for name, _ in plan.expected.columns]
    params = {
        "oid": plan.table_oid,
        "columns": [*written, *(one.old for one in plan.replacements)],
    }
    checked = [str(row["name"]) for row in session.rows(_SQL["checked_by_triggers"], params)]
    if checked:
        raise refused(
            f'user_triggers="skip" would leave {", ".join(checked)} unchecked: in a session that '
            "fires no triggers, neither foreign keys nor deferrable constraints are looked at",
            "Leave `user_triggers` out, or the column.",
        )
    replicas = [str(row["name"]) for row in session.rows(_SQL["replica_only"], params)]
    if replicas:
        raise refused(
            f'user_triggers="skip" would wake {", ".join(replicas)} of {plan.table}, which is '
            "there for replicas only (ENABLE REPLICA)",
            "Leave `user_triggers` out, or disable that for the time of the backfill.",
        )


def _fired(table: Table, *, as_replica: bool) -> tuple[str, ...]:
    return tuple(
        str(one)
        for one in table.triggers
        if one.fires(as_replica=as_replica) and "pgtide" not in one.name
    )


def _refuse_denied(session: Session) -> None:
    # Asked by trying: the privilege can be had in several ways, and the server knows them all.
    role = session.value("SELECT current_user")
    try:
        with session.rolled_back():
            session.execute("SET LOCAL session_replication_role = replica")
    except StatementFailed as error:
        if error.sqlstate != INSUFFICIENT_PRIVILEGE:
            raise
        raise refused(
            f"The role {role} may not keep the application's triggers silent "
            '(user_triggers="skip" sets session_replication_role)',
            f"GRANT SET ON PARAMETER session_replication_role TO {role} as a superuser (from "
            "PostgreSQL 15 on), or leave `user_triggers` out.",
        ) from error


def _skips(plan: Plan) -> bool:
    return plan.filling.user_triggers == "skip"
