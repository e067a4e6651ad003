"""The one border where the driver's errors become pgtide's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from pgtide.errors import ConnectionLost, StatementFailed
from pgtide.postgres.data_fault import is_data_fault, reason_of

# Worth another try as they stand: lock_not_available, deadlock_detected, serialization_failure.
_TRANSIENT: Final = frozenset({"55P03", "40P01", "40001"})
NOT_AVAILABLE: Final = "55P03"
LOCK_TIMEOUT: Final = frozenset({NOT_AVAILABLE, "40P01"})
STATEMENT_TIMEOUT: Final = "57014"
INSUFFICIENT_PRIVILEGE: Final = "42501"
# Lost, cancelled, or kept waiting by others: nothing is known of the statement then.
_TROUBLE: Final = ("08", "40", "53", "55P03", "57", "58", "XX")
_VALUE: Final = re.compile(r": \".*\"", re.DOTALL)
# The one DETAIL that names objects, never data: what would have to be dropped first.
DEPENDENTS: Final = "2BP01"


class Transient(StatementFailed):
    """Fail in a way that another try may mend."""

    code = "transient"


class DataFault(StatementFailed):
    """Fail because of what a row holds; `reason` says why, and quotes none of it."""

    def __init__(
        self, what: str, *, state: str, remedy: str, sqlstate: str = "", reason: str = ""
    ) -> None:
        super().__init__(what, state=state, remedy=remedy, sqlstate=sqlstate)
        self.reason = reason
        # What a function raises is its author's text, and may quote the row.
        why = f": {reason}" if reason else ""
        self.abroad = f"PostgreSQL refused what a row holds{why} (SQLSTATE {sqlstate})."


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn the driver's errors into pgtide's; `doing` says what was being done, without any data.

    Only the server's primary message is passed on: DETAIL may hold values of rows.
    """
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, doing) from error


def troubled(error: psycopg.Error) -> bool:
    """Tell whether an error says nothing of the statement that was tried."""
    return error.sqlstate is None or error.sqlstate.startswith(_TROUBLE)


def translate(error: psycopg.Error, doing: str) -> ConnectionLost | StatementFailed:
    """Return pgtide's error for one of the driver's."""
    code = error.sqlstate or ""
    message = _without_values(
        error.diag.message_primary or str(error).strip() or type(error).__name__, code
    )
    if code == DEPENDENTS and error.diag.message_detail:
        message = f"{message}: {error.diag.message_detail}"
    # An OperationalError without SQLSTATE is libpq's own: the connection is gone.
    # 08 connection exception; 57P01-57P05 the server ends the session.
    if not code or code.startswith("08") or code in {"57P01", "57P02", "57P03", "57P05"}:
        return ConnectionLost(
            f"The connection to the database was lost while {doing}: {message}.",
            state="Everything committed before is kept.",
            remedy="Run `pgtide up` to go on from there.",
        )
    what = f"PostgreSQL refused while {doing}: {message} (SQLSTATE {code})."
    state = "The statement was rolled back; everything committed before is kept."
    remedy = "Mend the cause, then run `pgtide up` to go on, or `pgtide down` to undo."
    if is_data_fault(code):
        reason = reason_of(error)
        return DataFault(what, state=state, remedy=remedy, sqlstate=code, reason=reason)
    kind = Transient if code in _TRANSIENT else StatementFailed
    return kind(what, state=state, remedy=remedy, sqlstate=code)


def _without_values(message: str, code: str) -> str:
    # Data exceptions quote the value itself: invalid input syntax for type integer: "a name".
    return _VALUE.sub(": (the value is withheld)", message) if code.startswith("22") else message
