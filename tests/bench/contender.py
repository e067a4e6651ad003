"""One way of filling the new columns of a table that is in use."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.bench.dataset import TABLE
from tests.users import DEFAULTED

# Rows that are not in the new shape afterwards.
LEFT: Final = (
    f"SELECT count(*) FROM {TABLE} WHERE email_verified_v2 IS DISTINCT FROM email_verified"
    " OR verification_token_v2 IS DISTINCT FROM verification_token"
    " OR {date} IS DISTINCT FROM CASE WHEN email_verified THEN created_at END"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A name, what is there before it begins, and the filling itself, which alone is timed.

    `prepare` is given the address of a database; it returns the filling.
    """

    name: str
    prepare: Callable[[str], Callable[[], object]]
    kind: str = DEFAULTED
    left: str = LEFT.format(date="verified_at")
