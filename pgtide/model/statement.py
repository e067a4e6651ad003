"""Statements and steps: what will be executed, as values that plan, report and execution share."""

import re
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pgtide.model.build import Build
from pgtide.model.state import Phase


class Lock(StrEnum):
    """A table lock of PostgreSQL, by the name pg_locks gives it."""

    NONE = "none"
    ACCESS_SHARE = "AccessShareLock"
    ROW_SHARE = "RowShareLock"
    ROW_EXCLUSIVE = "RowExclusiveLock"
    SHARE_UPDATE_EXCLUSIVE = "ShareUpdateExclusiveLock"
    SHARE = "ShareLock"
    SHARE_ROW_EXCLUSIVE = "ShareRowExclusiveLock"
    EXCLUSIVE = "ExclusiveLock"
    ACCESS_EXCLUSIVE = "AccessExclusiveLock"


# An author's statement is undone where it was run: undo from psql has a path of its own.
PATH: Final = "SET LOCAL search_path = "
# As it is written ahead of a statement, of one of several too: no author ends a path like this.
_PATH_LINE: Final = re.compile(rf"^{PATH}.*, pg_temp;\n", re.MULTILINE)
_APART: Final = "DROP INDEX CONCURRENTLY "
_INSIDE: Final = "DROP INDEX "

# What an application notices of each lock while it is held; the manual's table of lock conflicts,
# in words.
BLOCKS: Final = MappingProxyType(
    {
        Lock.NONE: "nothing",
        Lock.ACCESS_SHARE: "nothing but DDL",
        Lock.ROW_SHARE: "nothing but DDL",
        Lock.ROW_EXCLUSIVE: "writes to the same rows",
        Lock.SHARE_UPDATE_EXCLUSIVE: "nothing but DDL and vacuum",
        Lock.SHARE: "writes",
        Lock.SHARE_ROW_EXCLUSIVE: "writes",
        Lock.EXCLUSIVE: "writes",
        Lock.ACCESS_EXCLUSIVE: "reads and writes",
    },
)


def shown(undo: str) -> str:
    """Return an undo's text as its author wrote it, without the search path that goes ahead."""
    return _PATH_LINE.sub("", undo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the linter says of a statement; `accepted` is the reason for going on all the same."""

    rule: str
    level: str  # error, warning
    message: str
    accepted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One SQL statement with the lock it takes on the migration's table.

    Its reason and its undo. `undo_inside` is the same undo for within a transaction, where `undo`
    itself cannot run there: safe_rollback_migration is one.
    """

    sql: str
    lock: Lock
    why: str
    undo: str = ""
    undo_inside: str = ""
    rewrites: bool = False
    findings: tuple[Finding, ...] = ()

    @property
    def blocks(self) -> str:
        """Say in words what waits while the lock is held."""
        return BLOCKS[self.lock]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Statements that belong together: check, act, post-check.

    Safe to run again from any prefix.

    `present` is a query for one boolean: the step's whole effect is in the catalog. `broken` asks
    whether a half-done one is in the way, and `clear` removes it. `taken` says in words what has a
    name that the step would give, null where nothing has: until the step has begun, it is
    somebody else's. A transactional step commits with its ledger row. `undo_first` and
    `undo_last` go around the statements' own undo: a lock, the remains of one that was killed, and
    what must be said again once all names are back. `irreversible` is the reason why nothing can
    take the step back. `each` is an index to build on each partition, and to attach, after it.
    """

    name: str
    phase: Phase
    statements: tuple[Statement, ...]
    present: str
    transactional: bool = True
    broken: str = ""
    clear: str = ""
    taken: str = ""
    undo_first: tuple[str, ...] = ()
    undo_last: tuple[str, ...] = ()
    irreversible: str = ""
    each: Build | None = None

    @property
    def declared(self) -> bool:
        """Tell whether it runs a declared statement, and so is none of pgtide's own."""
        return self.name.startswith(f"{self.phase}.sql.")

    @property
    def undo(self) -> tuple[str, ...]:
        """Return the undo statements in the order to run them in: the last act first."""
        acts = tuple(s.undo for s in reversed(self.statements) if s.undo)
        return (*self.undo_first, *acts, *self.undo_last)

    @property
    def undo_inside(self) -> tuple[str, ...]:
        """Return the undo statements as a transaction can run them, in the same order."""
        acts = tuple(s.undo_inside or s.undo for s in reversed(self.statements) if s.undo)
        # What a concurrent build may have left half done is in nobody's way inside of one.
        first = tuple(sql.replace(_APART, _INSIDE) for sql in self.undo_first)
        return (*first, *acts, *self.undo_last)
