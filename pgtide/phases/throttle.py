"""What preflight says of the throttle: a signal that cannot be read would hold the backfill."""

from collections.abc import Iterator
from typing import Final

from pgtide.backfill.throttle.chosen import chosen, declared
from pgtide.backfill.throttle.reader import Reader
from pgtide.backfill.throttle.reading import Unreadable
from pgtide.model.plan import Plan
from pgtide.phases.target import refused
from pgtide.postgres.ddl import search_path
from pgtide.postgres.session import Session

# What depends on the role. The others ask the ledger, which is not there yet, or everybody may.
_HIDDEN: Final = frozenset({"replica_lag", "replica_bytes", "active_sessions"})


def refuse_unanswered(session: Session, plan: Plan) -> None:
    """Raise where one of the author's queries gives no answer that could hold or not."""
    own = declared(plan.filling.throttle)
    reader = Reader([], own, {}, search_path=search_path(plan.table))
    for name, reading in reader.read(session, 0.0).items():
        if isinstance(reading, Unreadable):
            raise refused(
                f"The throttle's {name} cannot be read: {reading.why}",
                "Mend the query in hold_while; it may only read, within two seconds.",
            )


def blind(session: Session, plan: Plan) -> Iterator[str]:
    """Say which signals this role may not see."""
    throttle = plan.filling.throttle
    signals = [one for one in chosen(throttle, table=str(plan.table)) if one.name in _HIDDEN]
    reader = Reader(signals, [], {}, search_path=search_path(plan.table))
    for name, reading in reader.read(session, 0.0).items():
        if isinstance(reading, Unreadable):
            yield f"The throttle will hold the backfill, since it cannot read {name}: {reading.why}"
