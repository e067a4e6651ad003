"""After `down`: whether everything is what it was, and every write is there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from demo import database, shape
from demo.accounting import read_standings, settle
from demo.database import TABLE
from demo.journal import Entry
from demo.result import Undone
from demo.stage import Stage
from pgtide.postgres.session import Session, connect

_NOT_ARCHIVED: Final = f"""
SELECT count(*) FROM {TABLE} AS u
 WHERE u.email_verified AND u.updated_at < %(moment)s
   AND NOT EXISTS (SELECT FROM pgtide.archive AS a
                    WHERE a.key = jsonb_build_object('id', u.id) AND a."values" ? 'verified_at')
"""  # noqa: S608  # our own name


def settle_up(stage: Stage, entries: Sequence[Entry], *, before: str, down_at: datetime) -> Undone:
    """Compare shape and data with what they were; `down_at` is when `down` began, in UTC."""
    after = shape.keep(
        shape.dump(stage.url, pg_dump=stage.pg_dump), stage.place / "users-after.sql"
    )
    ids = {entry.id for entry in entries if entry.revision is not None and entry.id is not None}
    with connect(stage.url, purpose="demo") as session:
        return Undone(
            dump_identical=after == before,
            remnants=shape.remnants(session),
            account=settle(entries, read_standings(session, ids)),
            changed_unasked=database.changed_unasked(session, rows=stage.rows),
            archived=int(session.value("SELECT count(*) FROM pgtide.archive")),
            not_archived=_not_archived(session, down_at),
        )


def _not_archived(session: Session, moment: datetime) -> int:
    """Count verified users whose date is lost; who was written after `down` began is left out."""
    return int(session.value(_NOT_ARCHIVED, {"moment": moment.replace(tzinfo=None)}))
