"""What a declared statement may not be is refused before anything has changed."""

from collections.abc import Iterator

import psycopg
import pytest

from pgtide import Sql
from pgtide.errors import InvalidMigration
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from tests.catalog_snapshot import changes, snapshot
from tests.driving import migrate, plan_of, refusal
from tests.server import fresh_database
from tests.small_table import create_small, run, small_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched


@pytest.fixture(scope="module")
def small(server: Server) -> Iterator[str]:
    """One database for all cases: none of them changes it."""
    with fresh_database(server) as url:
        create_small(url)
        run(url, "CREATE TABLE public.other (id int PRIMARY KEY)")
        yield url


def refused(url: str, declared: Sql) -> InvalidMigration:
    before = snapshot(url)
    error = refusal(lambda: plan_of(url, small_migration(declared)))
    assert isinstance(error, InvalidMigration), error
    assert changes(before, snapshot(url)) == []
    return error


@pytest.mark.parametrize(
    ("up", "says"),
    [
        ("SELECT 1; DROP TABLE public.t", "these are 2 statements; write one"),
        ("COMMENT ON TABLE t IS 'x'; -- and no more\nDROP TABLE t", "these are 2 statements"),
        (r"COMMENT ON TABLE t IS '\'; DROP TABLE t; --'", "these are 2 statements"),
        ("", "there is no statement in it"),
        ("-- nothing", "there is no statement in it"),
        ("ALTER TABEL t ADD COLUMN b int", 'syntax error at or near "TABEL"'),
        ("BEGIN", "transaction is refused: it controls the transaction"),
        ("COMMIT", "it controls the transaction"),
        ("END", "it controls the transaction"),
        ("ROLLBACK", "it controls the transaction"),
        ("SAVEPOINT a", "it controls the transaction"),
        ("PREPARE TRANSACTION 'x'", "it controls the transaction"),
        ("SET ROLE pg_monitor", "it changes the session"),
        ("SET LOCAL lock_timeout = 0", "it changes the session"),
        ("RESET ALL", "it changes the session"),
        ("DISCARD ALL", "it changes the session"),
        ("SELECT set_config('role', 'pg_monitor', false)", "set_config changes the session"),
        ("SELECT pg_catalog.SET_CONFIG('role', 'x', false)", "set_config changes the session"),
        ("SELECT pg_advisory_unlock_all()", "pg_advisory_unlock_all changes the session"),
        ("DO $$ BEGIN COMMIT; END $$", "do is refused: it hides what it runs"),
        ("CALL p()", "it hides what it runs"),
        ("EXPLAIN ANALYZE DELETE FROM t", "it hides what it runs"),
        ("EXECUTE q", "it hides what it runs"),
        ("COPY t FROM STDIN", "it waits for data"),
        ("VACUUM t", "it is autovacuum's work"),
        ("VACUUM (ANALYZE) t", "it is autovacuum's work"),
        ("CLUSTER t USING t_pkey", "it rewrites the table"),
        ("ALTER SYSTEM SET work_mem = '1GB'", "it cannot run in a transaction"),
        ("LOCK TABLE t", "it holds a lock and does nothing with it"),
        ("ALTER TABLE t DISABLE TRIGGER ALL", "it switches pgtide's own triggers too"),
        ('DROP TRIGGER "~zz_pgtide_0_i" ON t', "it names what is pgtide's own"),
        ("ALTER TABLE t DROP COLUMN _pgtide_1_a", "it names what is pgtide's own"),
        ("DELETE FROM pgtide.event", "it names what is pgtide's own"),
        ("ALTER TABLE t SET SCHEMA other", "the migration's table must keep its name"),
        ("ALTER TABLE public.t RENAME TO u", "the migration's table must keep its name"),
        ("DROP TABLE other, t", "the migration's table must keep its name"),
        ("CREATE INDEX CONCURRENTLY ON public.t (a)", "a concurrent build names its index"),
        ("CREATE INDEX CONCURRENTLY i ON t (a)", "with its schema"),
        ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON public.t (a)", "has no IF NOT EXISTS"),
        ("CREATE INDEX CONCURRENTLY i ON public.other (id)", "and the migration's table"),
        ("DROP INDEX CONCURRENTLY i", "names one index, as schema.name"),
        ("ALTER TABLE t VALIDATE CONSTRAINT c", "it runs without a search path"),
        ("ALTER TABLE t ADD COLUMN b int NOT NULL", "adding-required-field"),
        ("ALTER TABLE t DROP COLUMN a", "ban-drop-column"),
        ("ALTER TABLE t RENAME COLUMN a TO b", "renaming-column"),
        ("CREATE INDEX i ON t (a)", "require-concurrent-index-creation"),
        ("ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0)", "constraint-missing-not-valid"),
        ("ALTER TABLE t ALTER a TYPE bigint", "changing-column-type"),
        ("TRUNCATE other CASCADE", "ban-truncate-cascade"),
    ],
)
def test_a_statement_is_refused_with_its_reason(small: str, up: str, says: str) -> None:
    error = refused(small, Sql(up=up, down="", phase="finalize"))
    assert error.what.startswith("Sql (change 1): ")
    assert says in error.what


def test_the_place_of_a_mistake_is_shown_below_the_letter(small: str) -> None:
    error = refused(small, Sql(up="COMMENT ON TABLE t IS 'é' EMD", down="", phase="finalize"))
    assert "\n    COMMENT ON TABLE t IS 'é' EMD\n" + " " * (4 + 25) + "^\n" in error.what


def test_the_servers_grammar_counts_too(small: str) -> None:
    """The parser is as new as the newest PostgreSQL; the server may be older."""
    with connect(small, purpose="test") as session:
        session.parse("DROP TABLE public.t")
        for text in ("DROP TABEL t", "SELECT 1; SELECT 2"):
            with pytest.raises(psycopg.errors.SyntaxError):
                session.parse(text)
    assert run(small, "SELECT to_regclass('public.t') IS NOT NULL") == [(True,)]


def test_a_backslash_means_the_same_to_parser_and_server(database: str) -> None:
    """With this database's setting the server would see no end of the text, or another one."""
    create_small(database)
    name = database.rsplit("/", 1)[1]
    run(database, f"ALTER DATABASE {name} SET standard_conforming_strings = off")
    up = r"COMMENT ON TABLE t IS 'a\'"
    migrate(database, small_migration(Sql(up=up, down="", phase="finalize")))
    assert run(database, "SELECT obj_description('public.t'::regclass)") == [("a\\",)]


@pytest.mark.parametrize("down", ["DROP INDEX public.i; COMMIT", "COMMIT", "SET ROLE pg_monitor"])
def test_the_way_back_is_read_like_the_way_there(small: str, down: str) -> None:
    error = refused(small, Sql(up="COMMENT ON TABLE t IS 'x'", down=down, phase="expand"))
    assert error.what.startswith("Sql (change 1), down: ")


@pytest.mark.parametrize(
    ("up", "down", "says"),
    [
        (
            "CREATE INDEX CONCURRENTLY i ON public.t (a)",
            "DROP INDEX public.i",
            "both run in a transaction, or neither",
        ),
        (
            "COMMENT ON TABLE t IS 'x'",
            "DROP INDEX CONCURRENTLY public.i",
            "both run in a transaction, or neither",
        ),
    ],
)
def test_a_way_back_of_another_kind_is_refused(small: str, up: str, down: str, says: str) -> None:
    assert says in refused(small, Sql(up=up, down=down, phase="finalize")).what


def test_a_concurrent_statement_cannot_join_contract(small: str) -> None:
    up = "DROP INDEX CONCURRENTLY public.i"
    error = refused(small, Sql(up=up, irreversible="its time is over", phase="contract"))
    assert "cannot join contract's transaction; use finalize" in error.what


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (Sql(up="SELECT 1", phase="expand"), "give either `down` or the reason"),
        (
            Sql(up="SELECT 1", down="", irreversible="so it is", phase="expand"),
            "give either `down` or the reason",
        ),
        (Sql(up="SELECT 1", irreversible=" ", phase="expand"), "give either `down` or the reason"),
        (
            Sql(up="SELECT 1", down="", phase="purge"),  # type: ignore[arg-type]  # it is wrong
            "phase is 'purge'; it is one of expand, finalize, contract",
        ),
        (
            Sql(up="SELECT 1", down="", phase="expand", accept={"ban-drop-column": " "}),
            "accept gives no reason for ban-drop-column",
        ),
        (
            Sql(up="SELECT 1", down="", phase="expand", accept={"ban-drop-column": "gone"}),
            "accept names ban-drop-column, which nothing finds in it",
        ),
    ],
)
def test_a_declaration_that_is_not_whole_is_refused(small: str, declared: Sql, says: str) -> None:
    assert says in refused(small, declared).what


def test_an_error_of_the_linter_passes_with_a_reason_and_stays_in_the_plan(small: str) -> None:
    reason = "nobody has read it since 1.9"
    declared = Sql(
        up="ALTER TABLE t DROP COLUMN a;",
        irreversible="the values are gone",
        phase="contract",
        accept={"ban-drop-column": reason},
    )
    [step] = plan_of(small, small_migration(declared)).contract_sql
    [finding] = step.statements[0].findings
    assert (finding.rule, finding.level, finding.accepted) == ("ban-drop-column", "error", reason)


def test_a_warning_of_the_linter_refuses_nothing(small: str) -> None:
    up = "ALTER TABLE t ALTER a DROP NOT NULL"
    plan = plan_of(small, small_migration(Sql(up=up, down="", phase="finalize")))
    [finding] = plan.finalize[0].statements[0].findings
    assert (finding.rule, finding.level, finding.accepted) == ("ban-drop-not-null", "warning", "")


@pytest.mark.parametrize("rule", ["reads-whole-table", "rewrites-whole-table", "unbounded-write"])
def test_a_reason_for_what_rows_and_version_decide_may_go_unused(small: str, rule: str) -> None:
    """One file runs on few rows and on many."""
    up = "UPDATE t SET a = 0 WHERE id = 1"
    declared = Sql(up=up, down="SELECT 1", phase="finalize", accept={rule: "at night"})
    assert plan_of(small, small_migration(declared)).finalize
