"""The strategy's table, as `tests/users.py` makes it: 170 bytes a row, three indexes."""

from functools import partial
from typing import Final

from tests.bench.bench_table import BenchTable
from tests.users import DEFAULTED, REQUIRED, create_users, email_migration

RELATION: Final = "public.users"
_WIDEN: Final = (
    f"ALTER TABLE {RELATION} ADD COLUMN email_verified_v2 boolean,"
    " ADD COLUMN verification_token_v2 varchar(255), ADD COLUMN {date} timestamp"
)
_FILL: Final = (
    "email_verified_v2 = email_verified, verification_token_v2 = verification_token,"
    " {date} = CASE WHEN email_verified THEN created_at END"
)
_LEFT: Final = (
    f"SELECT count(*) FROM {RELATION} WHERE email_verified_v2 IS DISTINCT FROM email_verified"
    " OR verification_token_v2 IS DISTINCT FROM verification_token"
    " OR {date} IS DISTINCT FROM CASE WHEN email_verified THEN created_at END"
)


def create(url: str, rows: int, *, kind: str = DEFAULTED) -> None:
    """Create and fill it."""
    create_users(url, rows=rows, kind=kind)


def _table(name: str, *, kind: str, date: str) -> BenchTable:
    return BenchTable(
        name=name,
        relation=RELATION,
        create=partial(create, kind=kind),
        migration=email_migration,
        widen=_WIDEN.format(date=date),
        fill=_FILL.format(date=date),
        left=_LEFT.format(date=date),
    )


TABLE: Final = _table("strategy", kind=DEFAULTED, date="verified_at")
# Without NULLs, and under the strategy's own names: its loop ends on no other.
REQUIRED_TABLE: Final = _table("strategy_required", kind=REQUIRED, date="verified_at_v2")
