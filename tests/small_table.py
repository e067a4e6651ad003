"""A table of a few columns and a migration of it, for tests that are about neither."""

from dataclasses import replace

import psycopg

from pgtide import Migration, ReplaceColumn
from pgtide.changes.change import Change

SMALL_ID = "20260101_000000_small"
ROWS = 500


def create_small(url: str) -> None:
    """Create and fill `public.t`: a key, and a number that equals it."""
    run(
        url,
        "CREATE TABLE public.t (id int PRIMARY KEY, a int)",
        f"INSERT INTO public.t SELECT g, g FROM generate_series(1, {ROWS}) g",
        "ANALYZE public.t",
    )


def small_migration(*changes: Change) -> Migration:
    """Return a migration of `public.t`."""
    return Migration(
        id=SMALL_ID,
        version="1.0.0",
        description="a small change",
        table="public.t",
        changes=list(changes),
        contract_release="1.1.0",
    )


def releasing_migration() -> Migration:
    """Return one that widens the number, and whose contract lets the old column be NULL."""
    widened = small_migration(ReplaceColumn("a", type="bigint"))
    return replace(widened, on_unrepresentable="release")


def run(url: str, *statements: str) -> list[tuple[object, ...]]:
    """Run statements, each in a transaction of its own; return the rows of the last."""
    rows: list[tuple[object, ...]] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
            rows = cursor.fetchall() if cursor.description else []
    return rows
