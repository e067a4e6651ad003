"""What a run could not tell anybody: kept in the audit, and told by the next run that can."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from pgtide.errors import PgtideError
from pgtide.ledger import audit
from pgtide.notify.courier import Undelivered
from pgtide.notify.notice import Kind
from pgtide.notify.outlook import Untold
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")
# A database that does not answer must not hold up the end of a run either.
_PATIENCE: Final = 1.0


def read(session: Session, migration_id: str) -> Untold | None:
    """Return what runs before this one could not tell, if anything is left to tell."""
    row = session.row(_SQL["unannounced"], {"id": migration_id})
    if row is None or row["kind"] != "unannounced":
        return None
    detail = row["detail"]
    return Untold(
        notices=int(detail["notices"]), places=tuple(detail["places"]), last=detail["last"]
    )


def left_over(
    undelivered: Mapping[str, Undelivered], last: str, before: Untold | None
) -> Untold | None:
    """Return what did not arrive; None: all did.

    What was still to be told from before counts where that did not arrive either.
    """
    places = tuple(place for place, one in undelivered.items() if one.count)
    if not places:
        return None
    kinds = {notice.kind for one in undelivered.values() for notice in one.notices}
    known = before.notices if before and Kind.UNTOLD in kinds else 0
    most = max(one.count for one in undelivered.values())
    return Untold(notices=most + known, places=places, last=last)


def keep(
    settings: Settings, migration_id: str, actor: str, *, left: Untold | None, told: Untold | None
) -> None:
    """Write down what did not arrive, or what was told of before, if that takes but a moment."""
    if left is None and told is None:
        return
    thread = threading.Thread(
        target=_write,
        args=(settings, migration_id, actor),
        kwargs={"left": left, "told": told},
        name="unannounced",
        daemon=True,
    )
    thread.start()
    thread.join(_PATIENCE)


def _write(
    settings: Settings, migration_id: str, actor: str, *, left: Untold | None, told: Untold | None
) -> None:
    with suppress(PgtideError), connect(settings.url, purpose="announcing") as session:
        if left is not None:
            audit.note_by(
                session,
                migration_id,
                actor,
                "unannounced",
                notices=left.notices,
                places=left.places,
                last=left.last,
            )
        elif told is not None:
            audit.note_by(session, migration_id, actor, "announced_late", notices=told.notices)
