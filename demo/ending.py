"""After the undo, and after purge: whether everything is what it should be."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from demo import database, shape
from demo.accounting import read_standings, settle
from demo.commands import Commands
from demo.database import TABLE
from demo.journal import Entry
from demo.result import Completed, Undone
from demo.stage import Stage
from pgtide.postgres.session import connect

_NOT_ARCHIVED: Final = f"""
SELECT count(*) FROM {TABLE} AS u
 WHERE u.email_verified AND u.updated_at < %(moment)s
   AND NOT EXISTS (SELECT FROM pgtide.archive AS a
                    WHERE a.key = jsonb_build_object('id', u.id) AND a."values" ? 'verified_at')
"""  # noqa: S608  # our own name
# The backfill's date; where an application wrote, or registered the user, also one that a release
# gave, or one that the trigger gave while the demo ran.
_WRONG_DATES: Final = f"""
SELECT format('user %%s, revision %%s: %%s', u.id, u.revision, coalesce(date::text, 'none')) AS what
  FROM {TABLE} AS u
  JOIN pgtide.archive AS a ON a.key = jsonb_build_object('id', u.id)
 CROSS JOIN LATERAL (SELECT (a."values" ->> 'verified_at')::timestamp AS date) AS archived
 WHERE u.email_verified AND u.updated_at < %(moment)s
   AND date IS DISTINCT FROM u.created_at
   AND (u.revision = 0 AND u.email LIKE '%%@example.org' OR date IS NULL
        OR date NOT IN ('2026-01-01', '2026-02-02')
           AND date NOT BETWEEN %(moment)s - interval '1 hour' AND %(moment)s)
"""  # noqa: S608  # our own name
_DECIDED: Final = ("approved", "rejected")


def undone(
    stage: Stage, entries: Sequence[Entry], *, answer: str, before: str, began: datetime
) -> Undone:
    """Compare the shape and the writes with what they were; `began` is the undo's begin, in UTC.

    Release A goes on writing: rows that it has written since are left out of the account.
    """
    after = shape.keep(
        shape.dump(stage.url, pg_dump=stage.pg_dump), stage.place / "users-undone.sql"
    )
    moment = began.replace(tzinfo=None)
    with connect(stage.url, purpose="demo") as session:
        return Undone(
            answer=answer,
            dump_identical=after == before,
            remnants=shape.remnants(session),
            account=settle(entries, read_standings(session, _ids(entries)), live=True),
            archived=int(session.value("SELECT count(*) FROM pgtide.archive")),
            # Who was written after it began is left out: such a row may have got its flag since.
            not_archived=int(session.value(_NOT_ARCHIVED, {"moment": moment})),
            wrong_dates=tuple(
                row["what"] for row in session.rows(_WRONG_DATES, {"moment": moment})
            ),
        )


def completed(
    stage: Stage, entries: Sequence[Entry], *, before: frozenset[str], migration: str
) -> Completed:
    """Look for every write in the final columns, and for whatever else has changed."""
    shape.keep(shape.dump(stage.url, pg_dump=stage.pg_dump), stage.place / "users-after.sql")
    with connect(stage.url, purpose="demo") as session:
        now = shape.definition(session)
        return Completed(
            remnants=shape.remnants(session),
            gained=tuple(sorted(now - before)),
            lost=tuple(sorted(before - now)),
            account=settle(entries, read_standings(session, _ids(entries))),
            changed_unasked=database.changed_unasked(session, rows=stage.rows),
            decisions=_decisions(stage.commands, migration),
        )


def _ids(entries: Sequence[Entry]) -> set[int]:
    return {entry.id for entry in entries if entry.revision is not None and entry.id is not None}


def _decisions(commands: Commands, migration: str) -> tuple[str, ...]:
    lines: list[dict[str, Any]] = commands.read("history", migration)
    return tuple(
        f"{one['actor']} {one['kind']} {one['detail']['gate']}: {one['detail']['reason']}"
        for one in lines
        if one["kind"] in _DECIDED
    )
