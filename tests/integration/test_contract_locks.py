"""Under contract's lock nothing is read but the catalog, and no reader of a view is in its way."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.changes.purge import purge_steps
from pgtide.postgres.catalog import read_table
from pgtide.postgres.session import connect
from tests.contracting import after_undo_of, contract, contract_of, undone
from tests.driving import migrate, record_of
from tests.small_table import SMALL_ID, create_small, run, small_migration

# Every kind of thing that PostgreSQL would read the whole table for, to make it anew.
_ALL = (
    "ALTER TABLE public.t ALTER a SET NOT NULL, ALTER a SET DEFAULT 7",
    "CREATE TABLE public.other (n int PRIMARY KEY)",
    "INSERT INTO public.other SELECT generate_series(1, 500)",
    "ALTER TABLE public.t ADD CONSTRAINT t_other FOREIGN KEY (a) REFERENCES public.other",
    "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 1000)",
    "ALTER TABLE public.t ADD CONSTRAINT once UNIQUE (a)",
    "CREATE INDEX t_a ON public.t (a) WHERE a > 3",
    "CREATE STATISTICS public.together ON id, a FROM public.t",
    "CREATE VIEW public.v AS SELECT a FROM public.t",
)
_READ = (
    "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) FROM pg_stat_xact_all_tables"
    " WHERE schemaname = 'public'"
)
_INTERIM = ReplaceColumn("a", interim="a_v2", type="integer")
_PRIVATE = ReplaceColumn("a", type="bigint")


def scans(url: str, texts: Sequence[str]) -> int:
    """Return how many scans of tables the statements do; nothing is committed."""
    # A session of its own: another's counts what it did before and rolled back.
    with psycopg.connect(url) as connection:
        for text in texts:
            connection.execute(text.encode())
        found = connection.execute(_READ.encode()).fetchone()
        connection.rollback()
    assert found is not None
    return int(found[0])


@pytest.mark.parametrize("change", [_INTERIM, _PRIVATE], ids=["interim", "private"])
def test_nothing_is_scanned_under_the_lock(database: str, change: ReplaceColumn) -> None:
    create_small(database)
    run(database, *_ALL)
    migration = small_migration(change)
    migrate(database, migration)
    step = contract_of(database, migration)
    acts = [statement.sql for statement in step.statements]
    assert scans(database, acts) == 0
    assert scans(database, [*acts, *step.undo]) == 0
    # The measure is not blind.
    assert scans(database, ["ALTER TABLE public.t ADD CHECK (a < 2000)"]) > 0
    assert scans(database, ["CREATE INDEX again ON public.t (a)"]) > 0
    contract(database, migration)
    plan = record_of(database, SMALL_ID).plan
    with connect(database, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
    [last] = purge_steps(plan, table)
    assert scans(database, [statement.sql for statement in last.statements]) == 0


def test_undo_reads_no_row_under_its_lock_to_forbid_null_again(database: str) -> None:
    """Contract lets NULL into the old column: a scan of 3 M rows kept everyone waiting for it."""
    create_small(database)
    run(database, "ALTER TABLE public.t ALTER a SET NOT NULL")
    migration = replace(small_migration(_PRIVATE), on_unrepresentable="release")
    migrate(database, migration)
    step, later = contract_of(database, migration), after_undo_of(database, migration)
    acts = [statement.sql for statement in step.statements]
    assert any("DROP NOT NULL" in text for text in acts)
    assert scans(database, [*acts, *step.undo]) == 0
    contract(database, migration)
    undone(database, step)
    with pytest.raises(psycopg.errors.IntegrityError):
        run(database, "INSERT INTO public.t (id, a) VALUES (501, NULL)")
    reads, *plain = later
    # It is read once, by what lets everybody pass, and never again.
    assert all(" VALIDATE CONSTRAINT " in text for text in reads.undo)
    assert scans(database, reads.undo) > 0
    undone(database, reads)
    assert scans(database, [text for one in plain for text in one.undo]) == 0


@pytest.mark.parametrize("change", [_INTERIM, _PRIVATE], ids=["interim", "private"])
def test_views_are_locked_from_the_top_and_before_the_table(
    database: str, change: ReplaceColumn
) -> None:
    create_small(database)
    run(
        database,
        "CREATE VIEW public.v AS SELECT a FROM public.t",
        "CREATE VIEW public.w AS SELECT v.a, t.a AS b FROM public.v, public.t",
    )
    migrate(database, small_migration(change))
    step = contract_of(database, small_migration(change))
    for texts in ([statement.sql for statement in step.statements], list(step.undo)):
        assert [text.split('"')[-2] for text in texts[:2]] == ["postgres", "postgres"]
        assert [text.split()[2] for text in texts[:3]] == ["public.w", "public.v", '"public"."t"']


def test_readers_of_a_view_neither_fail_nor_keep_contract_out(database: str) -> None:
    """A reader holds the view before the table; taken the other way round, each waits for each."""
    create_small(database)
    run(database, "CREATE VIEW public.v AS SELECT a FROM public.t WHERE a > 0")
    migrate(database, small_migration(_INTERIM))
    stop, failures, reads = threading.Event(), [], []

    def read() -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            while not stop.is_set():
                try:
                    connection.execute("SELECT count(*) FROM public.v").fetchone()
                    reads.append(1)
                except psycopg.Error as error:
                    failures.append(error.sqlstate)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    try:
        contract(database, small_migration(_INTERIM))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert failures == []
    assert reads
