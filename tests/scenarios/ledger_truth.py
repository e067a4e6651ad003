"""Compare what the ledger claims with what the data show, at any moment, whoever died before."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from pgtide.backup.files import damage
from pgtide.changes.contract import SHAPE, present
from pgtide.ledger import backups
from pgtide.ledger.backups import BackupFile
from pgtide.ledger.record import Record, find
from pgtide.ledger.steps import recorded
from pgtide.model.state import UNDOING, State
from pgtide.model.statement import Step
from pgtide.postgres.keys import key_of, read_keys
from pgtide.postgres.session import Params, Session, connect
from tests.users import MIGRATION_ID

Place = tuple[int, int]
_DONE: Place = (1_000_000, 0)

# Rows that were out of step when the columns were added: all that the backfill has to fill.
_ALL_OUT = "email_verified IS NOT NULL OR verification_token IS NOT NULL"
_FILLED = frozenset(
    {
        State.BACKFILLED,
        State.FINALIZING,
        State.FINALIZED,
        State.VERIFYING,
        State.VERIFIED,
        State.CONTRACTING,
        State.CONTRACTED,
    }
)
_EXPANDED = _FILLED | {State.EXPANDED, State.BACKFILLING}
_BUILT = frozenset({State.FINALIZED, State.VERIFYING, State.VERIFIED, State.CONTRACTING})
# What cannot be filled is in quarantine, and nothing else is.
_NOT_HELD = (
    "NOT EXISTS (SELECT FROM pgtide.quarantine q WHERE q.left_at IS NULL AND q.place = t.ctid)"
)
_SLICES = """
SELECT id, state, pass, cursor, schedule, first_block, end_block, key_columns, key_after,
       key_upto, key_at
  FROM pgtide.slice WHERE kind = 'walk' AND state <> 'void'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A batch that a process had begun, as the witness has it."""

    run: str
    slice_id: int
    place: Place


def places(url: str) -> dict[int, Place]:
    """Return how far each slice is by the ledger: its pass and its cursor."""
    with psycopg.connect(url, autocommit=True) as connection:
        there = connection.execute("SELECT to_regclass('pgtide.slice') IS NOT NULL").fetchone()
        if there is None or not there[0]:
            return {}
        found = connection.execute("SELECT id, pass, cursor, state <> 'open' FROM pgtide.slice")
        return {row[0]: _DONE if row[3] else (row[1], row[2]) for row in found}


def begun(witness: str, run: str) -> list[Begun]:
    """Return the batches that a process began."""
    query = "SELECT slice_id, pass, cursor FROM began WHERE run = %s ORDER BY id"
    with psycopg.connect(witness, autocommit=True) as connection:
        return [
            Begun(run=run, slice_id=row[0], place=(row[1], row[2]))
            for row in connection.execute(query, (run,))
        ]


def repeated(known: dict[int, Place], later: list[Begun]) -> list[str]:
    """Name the batches that were begun again although the ledger knew their commit."""
    return [f"repeated: {one}" for one in later if one.place < known.get(one.slice_id, (0, 0))]


def disagreements(url: str) -> list[str]:
    """Name everything that the ledger claims and the data do not show."""
    with connect(url, purpose="test") as session:
        record = find(session, MIGRATION_ID)
        if record is None:
            return []
        if record.standing in {State.PURGING, State.COMPLETED}:
            # What the steps before had made is going, or gone; the end of the course says the rest.
            return []
        if swapped(session, record):
            return _state(session, record, ())
        steps = _steps(session, record)
        if record.standing not in _EXPANDED:
            return steps
        built = ((_EXPANDED, record.plan.expand), (_BUILT, record.plan.finalize))
        return [
            *steps,
            *_state(session, record, built),
            *_slices(session, record),
            *_sum(session, record),
        ]


def _steps(session: Session, record: Record) -> list[str]:
    known = {step.name: step.state for step in recorded(session, record.id)}
    found = []
    for step in record.plan.steps:
        there = bool(session.value(step.present)) if step.present else None
        claimed = known.get(step.name) == "done"
        if there is None or there == claimed:
            continue
        # A transactional step commits with its row; of another, or of its end, the ledger hears
        # later.
        if step.transactional or claimed != (record.state in UNDOING):
            found.append(f"step {step.name}: {known.get(step.name)}, in the catalog: {there}")
    return found


def swapped(session: Session, record: Record) -> bool:
    """Tell whether the names are swapped; the ledger and the catalog must say the same."""
    known = {step.name: step.state for step in recorded(session, record.id)}
    claimed, there = known.get(SHAPE) == "done", bool(session.value(present(record.plan)))
    assert claimed == there or not claimed, f"{SHAPE}: {known.get(SHAPE)}, in the catalog: {there}"
    return claimed


def _state(
    session: Session, record: Record, built: Sequence[tuple[frozenset[State], Sequence[Step]]]
) -> list[str]:
    found = []
    for states, steps in built:
        if record.standing in states:
            found += [
                f"{record.standing} without {step.name}"
                for step in steps
                if step.present and not session.value(step.present)
            ]
    left = _out(session, record)
    if record.standing in _FILLED and left:
        found.append(f"{record.standing} with {left} rows out of step")
    return found


def _slices(session: Session, record: Record) -> list[str]:
    found = []
    for row in session.rows(_SLICES):
        if row["key_columns"]:
            found += _keys(session, record, row)
            continue
        share, bounds = "(pg_catalog.hashtid(t.ctid) & 255)", (0, *row["schedule"])
        last = row["state"] == "done" or row["pass"] == len(row["schedule"]) - 1
        walked = "true" if last else f"{share} < {bounds[row['pass'] + 1]}"
        block = "(t.ctid::text::point)[0]"
        inside = f"{block} >= {row['first_block']} AND {block} < {row['end_block']}"
        left = _out(
            session,
            record,
            f"{_NOT_HELD} AND {inside} AND ({share} < {bounds[row['pass']]} OR "
            f"({block} < {row['cursor']} AND {walked}))",
        )
        if left:
            found.append(f"slice {row['id']} at {row['pass']}/{row['cursor']}: {left} rows missing")
    return found


def _keys(session: Session, record: Record, row: dict[str, Any]) -> list[str]:
    """Name a slice of keys of which a part that is done is not."""
    key = key_of(read_keys(session, record.table_oid), row["key_columns"])
    assert key is not None, f"slice {row['id']} goes along a key that is not there"
    done = row["state"] == "done"
    if not done and row["key_at"] == row["key_after"]:
        return [f"slice {row['id']} has lost its place"] if row["cursor"] else []
    upto = row["key_upto"] if done else row["key_at"]
    tests = [_NOT_HELD]
    tests += [key.above()] if row["key_after"] is not None else []
    tests += [key.upto()] if upto is not None else []
    bounds = {"after": row["key_after"], "upto": upto}
    left = _out(session, record, " AND ".join(tests), bounds)
    found = [f"slice {row['id']} at {row['key_at']}: {left} rows missing"] if left else []
    behind = " AND ".join(tests[1:])
    walked = session.value(f"SELECT count(*) FROM ONLY public.users AS t WHERE {behind}", bounds)
    if walked != row["cursor"]:
        found.append(f"slice {row['id']} counts {row['cursor']} keys, {walked} are behind it")
    return found


def _sum(session: Session, record: Record) -> list[str]:
    counted = session.value(
        "SELECT coalesce(sum(rows), 0) FROM pgtide.slice WHERE kind <> 'archive'"
    )
    total = session.value(f"SELECT count(*) FROM public.users WHERE {_ALL_OUT}")
    filled = total - _out(session, record)
    return [] if counted == filled else [f"the ledger counts {counted} rows, {filled} are filled"]


def _out(
    session: Session, record: Record, where: str = "true", params: Params | None = None
) -> int:
    assert record.plan.backfill is not None
    test = f"NOT {record.plan.backfill.in_step} AND ({where})"
    return int(session.value(f"SELECT count(*) FROM ONLY public.users AS t WHERE {test}", params))


def unsound_backups(url: str) -> list[str]:
    """Name the backups that count and are not whole, and the scratch databases left behind."""
    with connect(url, purpose="test") as session:
        if not backups.there(session):
            return []
        rows = session.rows("SELECT state, directory, files, scratch FROM pgtide.backup")
        left = session.rows(
            "SELECT datname FROM pg_database WHERE datname = ANY (%(names)s)",
            {"names": [row["scratch"] for row in rows]},
        )
    harm = [
        f"backup in {row['directory']}: {wrong}"
        for row in rows
        if row["state"] == "passed"
        and (
            wrong := damage(
                Path(row["directory"]), tuple(BackupFile(**one) for one in row["files"])
            )
        )
    ]
    return [*harm, *(f"scratch database {row['datname']} is left" for row in left)]
