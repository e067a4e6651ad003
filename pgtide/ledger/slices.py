"""The checkpoints of the walk over a table.

Which blocks are done, committed with the rows that did them.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A range of heap blocks and how far it is done; `end_block` None is open-ended."""

    id: int
    kind: Kind
    round: int
    ordinal: int
    filenode: int
    first_block: int
    end_block: int | None
    passes: int
    step: int
    cursor: int
    rows: int
    batches: int
    state: str

    @property
    def done(self) -> bool:
        """Tell whether all passes are through."""
        return self.state == "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where a batch takes a slice: its next pass and cursor, and whether that is its end."""

    step: int
    cursor: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A slice that is not written down yet."""

    ordinal: int
    first_block: int
    end_block: int | None
    passes: int


def cut(
    session: Session, lease: Lease, kind: Kind, cuts: list[Cut], *, round_: int, filenode: int
) -> None:
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
                "filenode": filenode,
                "first": one.first_block,
                "end": one.end_block,
                "passes": one.passes,
                "token": lease.token,
            },
        )


def read(session: Session, lease: Lease, kind: Kind, *, round_: int | None = None) -> list[Slice]:
    """Return the slices of a kind that still count, in their order."""
    where = {"id": lease.migration_id, "attempt": lease.attempt, "kind": kind, "round": round_}
    return [_slice(row) for row in session.rows(_SQL["slices"], where)]


def read_one(session: Session, slice_id: int) -> Slice:
    """Return one slice as it stands now."""
    return _slice(session.rows(_SQL["slice"], {"slice": slice_id})[0])


def move(session: Session, lease: Lease, seen: Slice, to: Move) -> bool:
    """Checkpoint and fence a batch, inside its transaction.

    False where a newer run has taken over.
    """
    params = {
        "slice": seen.id,
        "token": lease.token,
        "seen_pass": seen.step,
        "seen_cursor": seen.cursor,
        "pass": to.step,
        "cursor": to.cursor,
        "state": "done" if to.done else "open",
    }
    return session.execute(_SQL["move_cursor"], params, doing="checkpointing a batch") == 1


def count(session: Session, seen: Slice, *, rows: int, table: TableName) -> bool:
    """Add a batch's rows, inside its transaction.

    False where the table was rewritten meanwhile, or its name given to another.
    """
    params = {"slice": seen.id, "rows": rows, "table": relation(table)}
    return session.execute(_SQL["count_rows"], params) == 1


def void_open(session: Session, lease: Lease) -> None:
    """Give up all open slices: the table was rewritten, so their block numbers mean nothing."""
    session.execute(_SQL["void_slices"], {"id": lease.migration_id, "attempt": lease.attempt})


def void(session: Session, lease: Lease, kind: Kind) -> None:
    """Give up the rounds of one kind, so that they start over."""
    session.execute(
        _SQL["void_kind"], {"id": lease.migration_id, "attempt": lease.attempt, "kind": kind}
    )


def last_round(session: Session, lease: Lease, kind: Kind) -> int:
    """Return the highest round of a kind that was ever cut; -1 where none was."""
    return int(
        session.value(
            _SQL["last_round"], {"id": lease.migration_id, "attempt": lease.attempt, "kind": kind}
        )
    )


def _slice(row: dict[str, object]) -> Slice:
    values = {**row, "kind": Kind(str(row["kind"])), "step": row["pass"]}
    del values["pass"]
    return Slice(**values)  # type: ignore[arg-type]  # the query names the fields
