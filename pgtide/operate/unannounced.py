"""What a run could not tell anybody: kept in the audit, and told by the next run that can."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pgtide.errors import PgtideError
from pgtide.ledger import audit
from pgtide.notify.outlook import Untold
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")
# A database that does not answer must not hold up the end of a run either.
_PATIENCE: Final = 1.0


def read(session: Session, migration_id: str) -> Untold | None:
    """Return what runs before this one could not tell, if anything."""
    detail = session.value(_SQL["unannounced"], {"id": migration_id})
    if detail is None:
        return None
    return Untold(
        notices=int(detail["notices"]), places=tuple(detail["places"]), last=detail["last"]
    )


def keep(settings: Settings, migration_id: str, actor: str, untold: Untold) -> None:
    """Write down what did not arrive, if that can be done in a moment."""
    thread = threading.Thread(
        target=_write,
        args=(settings, migration_id, actor, untold),
        name="unannounced",
        daemon=True,
    )
    thread.start()
    thread.join(_PATIENCE)


def untold(missed: Mapping[str, int], last: str, before: Untold | None) -> Untold | None:
    """Return what did not arrive, with what was still to be told from before; None: all did."""
    places = tuple(place for place, count in missed.items() if count)
    if not places:
        return None
    known = before.notices if before else 0
    return Untold(notices=max(missed.values()) + known, places=places, last=last)


def _write(settings: Settings, migration_id: str, actor: str, one: Untold) -> None:
    with suppress(PgtideError), connect(settings.url, purpose="announcing") as session:
        audit.note_by(
            session,
            migration_id,
            actor,
            "unannounced",
            notices=one.notices,
            places=one.places,
            last=one.last,
        )
