"""Rows that cannot be filled: what an application has for them, and what quarantine makes of it."""

import json

from tests.small_table import run
from tests.users import create_users

# The application refuses every write to such a row, but one that mends it.
REFUSING = """
CREATE FUNCTION public.refuse_unnamed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'user % has no name', new.email USING DETAIL = new.email;
END $$;
CREATE TRIGGER refuse_unnamed AFTER UPDATE ON public.users
    FOR EACH ROW WHEN (new.name = 'nobody') EXECUTE FUNCTION public.refuse_unnamed();
"""
_OUT = """
SELECT id FROM public.users
 WHERE (email_verified, verification_token)
       IS DISTINCT FROM (email_verified_v2, verification_token_v2)
    OR (email_verified IS TRUE) <> (verified_at IS NOT NULL)
 ORDER BY id
"""


def create_poisoned_users(url: str, *, rows: int, every: int) -> list[int]:
    """Create `public.users` with rows that a trigger refuses to update; return their ids."""
    create_users(url, rows=rows)
    poisoned = f"id % {every} = 3 AND email_verified"
    run(url, f"UPDATE public.users SET name = 'nobody' WHERE {poisoned}", REFUSING)
    # They stand among the others, not behind them.
    run(url, "CLUSTER public.users USING users_pkey", "VACUUM ANALYZE public.users")
    return _ids(url, f"SELECT id FROM public.users WHERE {poisoned} ORDER BY id")


def held(url: str) -> list[int]:
    """Return the ids of the users in quarantine."""
    return _ids(
        url, "SELECT (key ->> 'id')::int FROM pgtide.quarantine WHERE left_at IS NULL ORDER BY 1"
    )


def out_of_step(url: str) -> list[int]:
    """Return the ids of the users that are not filled, by a test of our own."""
    return _ids(url, _OUT)


def told(url: str) -> str:
    """Return all that the ledger tells of failures: what goes to logs and messages."""
    rows = run(
        url,
        "SELECT detail::text FROM pgtide.event UNION ALL SELECT last_error FROM pgtide.migration"
        " UNION ALL SELECT concat(sqlstate, reason) FROM pgtide.quarantine"
        " UNION ALL SELECT error_message FROM pgtide.migration_log",
    )
    return json.dumps(rows)


def _ids(url: str, query: str) -> list[int]:
    return [int(str(row[0])) for row in run(url, query)]
