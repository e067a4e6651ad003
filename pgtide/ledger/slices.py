"""The checkpoints of the walk over a table.

Which blocks are done, committed with the rows that did them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from pgtide.ledger.lease import Lease
from pgtide.model.table import TableName
from pgtide.postgres.ddl import relation
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("ledger")


class Kind(StrEnum):
    """What a slice is walked for."""

    WALK = "walk"
    SWEEP = "sweep"
    ARCHIVE = "archive"


# A key's values as the server writes them: it reads them back, and nobody else compares them.
Values = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRange:
    """Rows whose key, in these columns, is above `after` and up to `upto`; None is open."""

    columns: tuple[str, ...]
    after: Values | None = None
    upto: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A range of heap blocks and how far it is done; `end_block` None is open-ended.

    One with `keys` is a range of keys: its blocks are keys, counted from its start, and `at` is the
    last key that is done.
    """

    id: int
    kind: Kind
    round: int
    ordinal: int
    # The table that holds the rows: the migration's own, or one of its partitions.
    leaf: int
    filenode: int
    first_block: int
    end_block: int | None
    # Up to which 256th of each page every pass goes; the last takes all that is left.
    schedule: tuple[int, ...]
    step: int
    cursor: int
    rows: int
    # Of these, the rows that stayed on their page, as the server counts them.
    hot: int
    batches: int
    state: str
    worker_id: int | None = None
    # due, or passed: of the first ones, which are filled and judged before all others.
    canary: str | None = None
    keys: KeyRange | None = None
    at: Values | None = None

    @property
    def passes(self) -> int:
        """Return how often it is walked."""
        return len(self.schedule)

    @property
    def done(self) -> bool:
        """Tell whether all passes are through."""
        return self.state == "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a batch takes a slice: its next pass, cursor and key, and whether that is its end."""

    step: int
    cursor: int
    done: bool
    at: Values | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """Where rows in quarantine stand in a batch's range, and the HOT count that it starts at."""

    kept: tuple[str, ...]
    hot: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A slice that is not written down yet."""

    ordinal: int
    leaf: int
    filenode: int
    first_block: int
    end_block: int | None
    schedule: tuple[int, ...]
    canary: bool = False
    keys: KeyRange | None = None


# One walk that takes every row.
ONCE: Final = (256,)


def cut(session: Session, lease: Lease, kind: Kind, cuts: Sequence[Cut], *, round_: int) -> None:
    """Write slices down; one that is there already stays as it is."""
    for one in cuts:
        session.execute(
            _SQL["cut_slice"],
            {
                "id": lease.migration_id,
                "attempt": lease.attempt,
                "kind": kind,
                "round": round_,
                "ordinal": one.ordinal,
                "leaf": one.leaf,
                "filenode": one.filenode,
                "first": one.first_block,
                "end": one.end_block,
                "schedule": list(one.schedule),
                "canary": "due" if one.canary else None,
                "token": lease.token,
                **_bounds(one.keys),
            },
        )


def read(session: Session, lease: Lease, kind: Kind, *, round_: int | None = None) -> list[Slice]:
    """Return the slices of a kind that still count, in their order."""
    where = {**of_kind(lease, kind), "round": round_}
    return [_slice(row) for row in session.rows(_SQL["slices"], where)]


def read_one(session: Session, slice_id: int) -> Slice:
    """Return one slice as it stands now."""
    return _slice(session.rows(_SQL["slice"], {"slice": slice_id})[0])


def left(session: Session, lease: Lease, kind: Kind, *, round_: int, canary: bool = False) -> int:
    """Return how many slices of a round are not done; of its canary alone, where so asked."""
    asked = {**of_kind(lease, kind), "round": round_, "canary": canary}
    return int(session.value(_SQL["open_slices"], asked))


def open_round(session: Session, lease: Lease, kind: Kind) -> int | None:
    """Return the newest round of a kind that has open slices."""
    found = session.value(_SQL["open_round"], {**of_kind(lease, kind), "token": lease.token})
    return None if found is None else int(found)


def move(
    session: Session,
    lease: Lease,
    seen: Slice,
    to: Move,
    *,
    worker_id: int,
    within: tuple[str, str | None],
) -> Moved | None:
    """Checkpoint and fence a batch, inside its transaction, its first write.

    None where a newer run, or another worker, has taken over. An end of None in `within` is open.
    """
    params = {
        "slice": seen.id,
        "token": lease.token,
        "worker": worker_id,
        "seen_pass": seen.step,
        "seen_cursor": seen.cursor,
        "pass": to.step,
        "cursor": to.cursor,
        "at": _listed(to.at),
        "state": "done" if to.done else "open",
        "low": within[0],
        "high": within[1],
    }
    moved = session.often(_SQL["move_cursor"], params, doing="checkpointing a batch")
    return Moved(kept=tuple(moved["kept"]), hot=moved["hot"]) if moved is not None else None


def count(
    session: Session, seen: Slice, moved: Moved, *, rows: int, table: TableName, oid: int
) -> int | None:
    """Add a batch's rows, inside its transaction; return how many stayed on their page so far.

    None where the leaf `table` was rewritten meanwhile, its name given to another, or where it is
    no leaf of the migration's table any more.
    """
    params = {
        "slice": seen.id,
        "rows": rows,
        "table": relation(table),
        "oid": oid,
        "hot": moved.hot,
    }
    found = session.often(_SQL["count_rows"], params, doing="counting a batch's rows")
    return None if found is None else int(found["hot"])


def void_open(session: Session, lease: Lease, leaf: int) -> None:
    """Give up the open slices of a leaf: it was rewritten, so their block numbers mean nothing."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "leaf": leaf}
    session.execute(_SQL["void_slices"], where)


def void(session: Session, lease: Lease, kind: Kind) -> None:
    """Give up the rounds of one kind, so that they start over."""
    session.execute(_SQL["void_kind"], of_kind(lease, kind))


def void_round(session: Session, lease: Lease, kind: Kind, round_: int) -> None:
    """Give up one round of a kind, with what is done of it."""
    session.execute(_SQL["void_round"], {**of_kind(lease, kind), "round": round_})


def pass_canary(session: Session, lease: Lease) -> None:
    """Let the other slices be filled: the first ones are right."""
    session.execute(_SQL["pass_canary"], of_kind(lease, Kind.WALK))


def reopen_canary(session: Session, lease: Lease) -> None:
    """Have the first slices filled again."""
    session.execute(_SQL["reopen_canary"], of_kind(lease, Kind.WALK))


def last_round(session: Session, lease: Lease, kind: Kind) -> int:
    """Return the highest round of a kind that was ever cut; -1 where none was."""
    return int(session.value(_SQL["last_round"], of_kind(lease, kind)))


def last_ordinal(session: Session, lease: Lease, kind: Kind, round_: int) -> int:
    """Return the highest ordinal of a round, given up or not; -1 where it has none."""
    return int(session.value(_SQL["last_ordinal"], {**of_kind(lease, kind), "round": round_}))


def of_kind(lease: Lease, kind: Kind) -> dict[str, object]:
    """Return the parameters that name all slices of a kind."""
    return {"id": lease.migration_id, "attempt": lease.attempt, "kind": kind}


def _bounds(keys: KeyRange | None) -> dict[str, list[str] | None]:
    if keys is None:
        return {"columns": None, "after": None, "upto": None}
    after, upto = _listed(keys.after), _listed(keys.upto)
    return {"columns": list(keys.columns), "after": after, "upto": upto}


def _listed(values: Values | None) -> list[str] | None:
    return None if values is None else list(values)


def _slice(row: dict[str, object]) -> Slice:
    values = {**row, "kind": Kind(str(row["kind"]))}
    values["step"] = values.pop("pass")
    values["schedule"] = tuple(cast("list[int]", row["schedule"]))
    columns, after, upto, at = (
        None if (found := cast("list[str] | None", values.pop(name))) is None else tuple(found)
        for name in ("key_columns", "key_after", "key_upto", "key_at")
    )
    values["at"] = at
    values["keys"] = columns and KeyRange(columns=columns, after=after, upto=upto)
    return Slice(**values)  # type: ignore[arg-type]  # the query names the fields
