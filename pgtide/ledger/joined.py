"""A process beside a run: it works at the same slices, under the run's token, and ends with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pgtide.errors import Refused
from pgtide.ledger import audit, backends
from pgtide.ledger.heart import Heart
from pgtide.ledger.lease import Lease
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller, Run, open_session
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")


@contextmanager
def joined(settings: Settings, caller: Caller, record: Record) -> Iterator[Run]:
    """Work beside the living run of a migration; raises Refused where there is none."""
    with connect(settings.url, purpose=f"beside {record.id}") as session:
        lease = _lease(session, settings, caller, record)
        backends.note(session, lease.run_id, "beside")
        audit.note(session, lease, "run_joined")
        heart = Heart(
            settings,
            lease,
            session,
            oid=record.table_oid,
            heeds_hold=caller.heeds_hold,
            clock=caller.clock,
            beside=True,
        )
        run = Run(
            settings=settings,
            caller=caller,
            plan=record.plan,
            lease=lease,
            session=open_session(settings, lease, f"beside {lease.run_id}"),
            heart=heart,
        )
        try:
            with run.heart:
                yield run
        finally:
            run.session.close()


def _lease(session: Session, settings: Settings, caller: Caller, record: Record) -> Lease:
    where = {"id": record.id, "lease": settings.lease.total_seconds()}
    row = session.row(_SQL["run_to_join"], where)
    if row is None:
        raise Refused(
            f"Nobody works on {record.id}: there is nothing to join.",
            state=f"It is {record.state}; nothing was changed.",
            remedy=f"Run `pgtide up {record.version}` to begin, or to go on with it.",
        )
    return Lease(
        migration_id=record.id,
        run_id=row["id"],
        token=row["token"],
        attempt=row["attempt"],
        actor=caller.actor,
    )
