"""Which of the server's errors a row's own values cause, and what may be said of one.

A reason goes to the ledger, to logs and into messages, so it quotes nothing of a row. What the
server itself says of a class is known; what a function raises is its author's text, and may quote
anything.
"""

import re
from typing import Final

import psycopg

# Data exceptions, constraints, WITH CHECK OPTION; a subquery of more than one row; what a trigger
# or an assertion raises (PL/pgSQL, and 38: the other languages); 54000: a value that is too big for
# an index or a type.
_CLASSES: Final = ("22", "23", "44", "21", "09", "27", "38", "P0")
_CODES: Final = frozenset({"54000", "45000"})
# Classes that begin so are left to implementations and their users (the SQL standard), and these
# are PostgreSQL's own.
_OWN: Final = re.compile(r"[5-9I-Z]")
_POSTGRES: Final = ("53", "54", "55", "57", "58", "72", "P0", "XX")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'", re.DOTALL)
# What is quoted in these is a name of the catalog's, never a value.
_NAMING: Final = "23"
# After a colon, or as a value that is out of range: the value itself, whatever it holds.
_VALUE: Final = re.compile(r"(: |value )\".*\"", re.DOTALL)
_BYTES: Final = re.compile(r"0x[0-9a-f]{2}")
_WITHHELD: Final = "(withheld)"
_RAISED: Final = re.compile(
    r"(?:PL/\w+|SQL) function (\"(?:[^\"]|\"\")+\"|[^\s(\"]+)(?:.*?line (\d+))?"
)


def is_data_fault(sqlstate: str) -> bool:
    """Tell whether another row would not have failed so."""
    if sqlstate.startswith(_CLASSES) or sqlstate in _CODES:
        return True
    return bool(_OWN.match(sqlstate)) and not sqlstate.startswith(_POSTGRES)


def reason_of(error: psycopg.Error) -> str:
    """Say why a row failed, in words that quote none of its values."""
    code, message = error.sqlstate or "", error.diag.message_primary or ""
    if code.startswith(_NAMING) and not _authored(error):
        return message
    if code.startswith("22") and not _authored(error):
        hidden = _VALUE.sub(rf"\1{_WITHHELD}", message)
        return _BYTES.sub(_WITHHELD, _QUOTED.sub(_WITHHELD, hidden))
    return f"raised{_place(error)}; its text is withheld, since it may quote the row"


def _authored(error: psycopg.Error) -> bool:
    # Raised by a language's handler, such as pl_exec.c: a function's text under the server's code.
    return (error.diag.source_file or "").startswith("pl")


def _place(error: psycopg.Error) -> str:
    # The innermost of the calls; the rest of a context may hold a statement with its values.
    first = (error.diag.context or "").splitlines()[:1]
    found = _RAISED.match(first[0]) if first else None
    if found is None:
        return " by a function"
    name, line = found.groups()
    return f" by the function {name}" + (f", line {line}" if line else "")
