"""Undo without triggers that kept the old columns in step: all rows are written under the lock."""

from pathlib import Path

import psycopg

# The triggers go first: they would bring each row in step, and be paid for here.
_STATEMENTS = (
    "LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE",
    "ALTER TABLE public.users DISABLE TRIGGER USER",
    (
        "UPDATE public.users SET email_verified_v2 = email_verified,"
        " verification_token_v2 = verification_token"
    ),
    (
        "ALTER TABLE public.users DROP COLUMN email_verified CASCADE,"
        " DROP COLUMN verification_token CASCADE, DROP COLUMN verified_at CASCADE"
    ),
    "ALTER TABLE public.users RENAME email_verified_v2 TO email_verified",
    "ALTER TABLE public.users RENAME verification_token_v2 TO verification_token",
)


def naively(url: str, folder: Path) -> None:
    """Do it in one transaction."""
    del folder
    with psycopg.connect(url) as session:
        for statement in _STATEMENTS:
            session.execute(statement.encode())
