"""What other sessions do: who blocks, who is old, who may be ended."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pgtide.errors import PgtideError
from pgtide.model.statement import Lock
from pgtide.postgres.referenced import Referenced
from pgtide.postgres.session import Backend, Session
from pgtide.sql import queries

_SQL: Final = queries("activity")
# First half of the advisory lock's key: "pgti" in ASCII; the second is the table's oid (trap 69).
NAMESPACE: Final = 0x70677469
# What keeps all rows from being written, and what any of them.
_KEEPING_ALL: Final = (
    Lock.SHARE,
    Lock.SHARE_ROW_EXCLUSIVE,
    Lock.EXCLUSIVE,
    Lock.ACCESS_EXCLUSIVE,
)
_KEEPING: Final = (Lock.ROW_SHARE, Lock.ROW_EXCLUSIVE, *_KEEPING_ALL)
# GRANT SET ON PARAMETER came with 15.
_GRANTABLE: Final = 150000


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """A session that holds a lock we want; a prepared transaction has no pid.

    `transaction` tells it apart from what the same session does next; `table` names another table
    than the migration's. `seconds` is how old its transaction is; None: this role does not see it.
    """

    pid: int
    transaction: str
    user: str
    application: str
    kind: str
    seconds: float | None
    query: str
    table: str = ""

    @property
    def autovacuum(self) -> bool:
        """Tell whether this is an autovacuum worker."""
        return self.kind == "autovacuum worker"

    @property
    def preventing_wraparound(self) -> bool:
        """Tell whether this is an autovacuum that nobody should stop."""
        return self.autovacuum and "to prevent wraparound" in self.query

    def __str__(self) -> str:
        return self._shown(f": {self.query}")

    @property
    def abroad(self) -> str:
        """Say who it is without its statement, whose literals may be row data."""
        return self._shown("")

    def _shown(self, query: str) -> str:
        name, place = self.application or self.kind, f" on {self.table}" if self.table else ""
        age = "" if self.seconds is None else f", {self.seconds:.0f} s"
        if not self.pid:
            return f"{name} ({self.user}{age}){place}"
        return f"pid {self.pid} ({self.user or 'system'}, {name}{age}{query}){place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What a server has to give: its cores, if it says so, and the sessions that use them.

    At work at this moment: `ours` of pgtide's own, `others` of everybody else; `lately` are those
    of everybody else that were within the last second, and `hidden` those that this role may not
    see.
    """

    cores: int | None
    ours: int = 0
    others: int = 0
    lately: int = 0
    hidden: int = 0

    @property
    def shared(self) -> bool:
        """Tell whether somebody else is at work on the server, or may be."""
        return bool(self.others or self.lately or self.hidden)


def capacity(session: Session) -> Capacity:
    """Ask a server for its cores, and who is at work on it."""
    readable = session.value(_SQL["may_read_files"])
    cores = session.value(_SQL["cores"]) if readable else None
    return replace(busy(session), cores=cores)


def busy(session: Session, *, but: Sequence[str] = ()) -> Capacity:
    """Ask only who is at work on a server, but for the sessions of some names."""
    return Capacity(cores=None, **session.rows(_SQL["busy_sessions"], {"but": list(but)})[0])


def blockers(session: Session, oid: int, beside: Sequence[Referenced] = ()) -> list[Blocker]:
    """Return who holds a lock on a table, the oldest transaction first, each session once.

    Or on another beside it, where that is in the way.
    """
    params: dict[str, object] = {
        "oid": oid,
        "modes": None,
        "whole": [oid for one in beside if one.dropping for oid in one.oids],
        "writes": [oid for one in beside if not one.dropping for oid in one.oids],
    }
    found = _blockers(session, "blockers", params)
    return list({b.transaction: b for b in found}.values())


def writers(session: Session, oid: int) -> list[Blocker]:
    """Return who may have written a table and is not at its end, the oldest transaction first.

    Whoever writes takes this lock before, and keeps it until others see what was written.
    """
    return _holders(session, oid, [Lock.ROW_EXCLUSIVE])


def keepers(session: Session, oid: int, *, root: int) -> list[Blocker]:
    """Return who may keep rows of a leaf, or all of it, from being written, the oldest first.

    Each session once; `root` is the partitioned table above it, or the table itself. Whether a
    session has locked a row, and which, the server does not tell.
    """
    found = _holders(session, oid, _KEEPING)
    if root != oid:
        # Whoever writes other leaves has the weak locks of the root, too.
        found += _holders(session, root, _KEEPING_ALL)
    return list({b.transaction: b for b in found}.values())


def old_snapshots(session: Session, *, seconds: float) -> list[Blocker]:
    """Return sessions whose transaction is older than that."""
    return _blockers(session, "old_snapshots", {"seconds": seconds})


def horizon(session: Session, *, own: str = "") -> Blocker | None:
    """Return who keeps the oldest snapshot, and with it old row versions alive; None for nobody.

    Sessions whose name begins with `own` do not count.
    """
    return next(iter(_blockers(session, "horizon", {"own": own})), None)


def may_set_deadlock_timeout(session: Session) -> bool:
    """Tell whether this role may make autovacuum yield sooner."""
    # Before 15 no such privilege can be granted, nor asked about.
    query = "may_set_deadlock_timeout" if session.version >= _GRANTABLE else "is_superuser"
    return bool(session.value(_SQL[query]))


def cancel_autovacuum(session: Session, found: list[Blocker]) -> bool:
    """Cancel the autovacuum workers among the blockers; True where one was cancelled."""
    done = False
    for blocker in found:
        if blocker.autovacuum and not blocker.preventing_wraparound:
            try:
                done |= bool(session.value(_SQL["cancel_backend"], {"pid": blocker.pid}))
            except PgtideError:
                continue  # not ours to cancel: the ladder's long rung remains
    return done


def this_backend(session: Session) -> Backend:
    """Return this session's server process."""
    found = session.row(_SQL["this_backend"]) or {}
    return Backend(pid=found["pid"], started=found["started"])


def terminate(session: Session, backend: Backend) -> bool:
    """End a recorded backend, if it is still the same one; False where it outlives five seconds."""
    session.rows(_SQL["terminate_backend"], {"pid": backend.pid, "started": backend.started})
    return not is_there(session, backend)


def is_there(session: Session, backend: Backend) -> bool:
    """Tell whether a recorded backend still runs."""
    return bool(session.value(_SQL["is_there"], {"pid": backend.pid, "started": backend.started}))


def try_table_lock(session: Session, oid: int) -> bool:
    """Take the advisory lock of a table without waiting.

    A blocked waiter would hold a snapshot (trap 12).
    """
    # The server's integers are signed, an oid is not.
    signed = oid - (1 << 32) if oid >= 1 << 31 else oid
    return bool(session.value(_SQL["try_table_lock"], {"namespace": NAMESPACE, "oid": signed}))


def share_name_lock(session: Session, name: str) -> bool:
    """Take the advisory lock of a name, beside others who hold it, without waiting."""
    return bool(session.value(_SQL["share_name_lock"], {"name": name}))


def name_locked(session: Session, name: str) -> bool:
    """Tell whether anybody holds the advisory lock of a name."""
    return bool(session.value(_SQL["name_locked"], {"name": name}))


def _holders(session: Session, oid: int, modes: Sequence[Lock]) -> list[Blocker]:
    params: dict[str, object] = {"oid": oid, "modes": list(modes), "whole": [], "writes": []}
    return _blockers(session, "blockers", params)


def _blockers(session: Session, query: str, params: dict[str, object]) -> list[Blocker]:
    return [
        Blocker(
            pid=row["pid"] or 0,
            transaction=row["transaction"],
            user=row["user"] or "",
            application=row["application"] or "",
            kind=row.get("backend_type") or "",
            seconds=row["seconds"],
            query=row["query"] or "",
            table=row["table"] or "",
        )
        for row in session.rows(_SQL[query], params)
    ]
