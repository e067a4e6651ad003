"""One row spoilt behind the triggers' back: what a careless hand or a restored dump does."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from demo.database import TABLE, key, left_alone
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import Failed
from pgtide.postgres.ddl import ident
from pgtide.postgres.locks import LockPolicy, LockTry, patiently
from pgtide.postgres.session import Session

# Other than what any row holds, and of the type's length.
_SPOILT: Final = "f" * 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """The row that was spoilt, and what its new column should hold."""

    id: int
    was: str | None
    became: str


def spoil(session: Session, *, rows: int) -> Damage:
    """Write a wrong value into a new column of a row that no application writes.

    One transaction: while the trigger is off nobody else can write, so exactly one row is wrong.
    """
    # One that holds a token, so that a value is spoilt and not only added.
    number = next(n for n in range(rows // 2, rows) if left_alone(n) and n % 3 == 0)
    damage = Damage(id=key(number), was=_token(session, key(number)), became=_SPOILT)
    trigger = _update_trigger(session)

    def work(session: Session) -> None:
        session.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER {trigger}")
        session.execute(
            f"UPDATE {TABLE} SET verification_token_v2 = %(token)s WHERE id = %(id)s",  # noqa: S608  # our own name
            {"id": damage.id, "token": damage.became},
        )
        session.execute(f"ALTER TABLE {TABLE} ENABLE ALWAYS TRIGGER {trigger}")

    oid = session.value("SELECT %(table)s::regclass::oid::bigint", {"table": TABLE})
    patiently(
        session,
        oid,
        work,
        policy=LockPolicy(wait=timedelta(milliseconds=100)),
        clock=SYSTEM_CLOCK,
        on_wait=_go_on,
    )
    return damage


def mended(session: Session, damage: Damage) -> bool:
    """Tell whether the row's new column holds what it should."""
    return _token(session, damage.id) == damage.was


def _token(session: Session, id_: int) -> str | None:
    token: str | None = session.value(
        f"SELECT verification_token_v2 FROM {TABLE} WHERE id = %(id)s",  # noqa: S608  # our own name
        {"id": id_},
    )
    return token


def _update_trigger(session: Session) -> str:
    name = session.value(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = %(table)s::regclass"
        " AND tgname LIKE '%%pgtide%%' AND tgname LIKE '%%\\_u'",
        {"table": TABLE},
    )
    if name is None:
        raise Failed(
            "The table has no sync trigger to go past.",
            state="Nothing was changed.",
            remedy="Is the migration at `verified`? See `pgtide status`.",
        )
    return ident(name)


def _go_on(attempt: LockTry) -> None:
    """Say nothing: the next try comes by itself."""
    del attempt
