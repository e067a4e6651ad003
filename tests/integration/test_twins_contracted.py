"""Contract only renames: the table has what it had, on the new column; and purge leaves that."""

import psycopg
import pytest

from pgtide import ReplaceColumn
from tests.contracting import contract, contract_of, purge, undone
from tests.driving import migrate
from tests.integration.test_twins_constraints import KINDS, create, original_lines
from tests.integration.test_twins_indexes import KINDS as INDEXES
from tests.integration.test_twins_not_null import READING, heard
from tests.schema import dumped
from tests.small_table import run, small_migration

MIGRATION = small_migration(ReplaceColumn("a", type="int"))
EVERYTHING = {
    **KINDS,
    **{f"index, {kind}": text for kind, text in INDEXES.items()},
    "NOT NULL": "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL",
}


@pytest.fixture
def table(database: str) -> str:
    create(database)
    run(database, "ALTER TABLE public.t ADD COLUMN s text DEFAULT 's'")
    return database


@pytest.mark.parametrize("kind", EVERYTHING)
@pytest.mark.wide
def test_the_table_has_what_it_had_after_contract_its_undo_and_purge(table: str, kind: str) -> None:
    with psycopg.connect(table, autocommit=True) as connection:
        connection.execute(EVERYTHING[kind].encode())
    shape = dumped(table, "public.t")
    migrate(table, MIGRATION)
    verified = dumped(table, "public.t")
    step = contract(table, MIGRATION)
    assert set(original_lines(shape)) - set(original_lines(dumped(table, "public.t"))) == set()
    undone(table, step)
    assert dumped(table, "public.t") == verified
    # The ledger of this test does not know of contract's undo.
    run(table, "DELETE FROM pgtide.step WHERE name = 'contract.shape'")
    contract(table, MIGRATION)
    purge(table, MIGRATION)
    assert original_lines(dumped(table, "public.t")) == original_lines(shape)


def test_contract_reads_nothing_of_the_table(table: str) -> None:
    run(
        table,
        *(text.replace("one", f"n{n}") for n, text in enumerate(KINDS.values()) if ";" not in text),
        "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL",
    )
    migrate(table, MIGRATION)
    step = contract_of(table, MIGRATION)
    assert len(step.statements) > 30
    said: list[str] = []
    before = scans(table)
    for statement in step.statements:
        if not statement.sql.startswith("LOCK"):
            said += heard(table, statement.sql)
    assert [line for line in said if line.startswith(READING)] == []
    assert scans(table) == before


def scans(url: str) -> list[tuple[object, ...]]:
    run(url, "SELECT pg_stat_force_next_flush()")
    return run(url, "SELECT seq_scan, seq_tup_read FROM pg_stat_user_tables WHERE relname = 't'")
