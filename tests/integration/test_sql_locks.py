"""The lock that the plan names for a declared statement is the one that the server takes."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from pgtide import Sql
from pgtide.model.statement import Lock, Statement
from pgtide.postgres.embedded import Server
from tests.driving import plan_of
from tests.integration.test_plan_locks import SINCE_18, held_apart, strongest
from tests.server import fresh_database
from tests.small_table import create_small, run, small_migration

MADE = (
    "CREATE TABLE public.other (id int PRIMARY KEY)",
    "CREATE TYPE public.mood AS ENUM ('fine')",
    "CREATE INDEX t_a ON public.t (a)",
    "CREATE UNIQUE INDEX t_u ON public.t (a)",
    "ALTER TABLE public.t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    "CREATE TRIGGER x BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()",
    "CREATE POLICY p ON public.t",
    "CREATE VIEW public.v AS SELECT a FROM public.t",
    "CREATE MATERIALIZED VIEW public.m AS SELECT a FROM public.t",
    "CREATE SEQUENCE public.s",
    "CREATE STATISTICS public.st0 ON id, a FROM public.t",
    "CREATE PUBLICATION pub_other FOR TABLE public.other",
)
# squawk's errors are accepted: here the locks are of interest.
KNOWN = (
    "ALTER TABLE t ADD COLUMN b bigint",
    "ALTER TABLE t ALTER a SET DEFAULT 1",
    "ALTER TABLE t ALTER a SET NOT NULL",
    "ALTER TABLE t ALTER a SET STATISTICS 100",
    "ALTER TABLE t ALTER a SET (n_distinct = 5)",
    "ALTER TABLE t ALTER a RESET (n_distinct)",
    "ALTER TABLE t ALTER a SET STORAGE PLAIN",
    "ALTER TABLE t SET (fillfactor = 90)",
    "ALTER TABLE t SET (autovacuum_enabled = false)",
    "ALTER TABLE t RESET (fillfactor)",
    "ALTER TABLE t SET (user_catalog_table = false)",
    "ALTER TABLE t CLUSTER ON t_a",
    "ALTER TABLE t SET WITHOUT CLUSTER",
    "ALTER TABLE t ADD CONSTRAINT d CHECK (a > 0) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (a) REFERENCES other (id) NOT VALID",
    "ALTER TABLE t ADD CONSTRAINT u UNIQUE USING INDEX t_u",
    "ALTER TABLE t DROP CONSTRAINT c",
    "ALTER TABLE t DISABLE TRIGGER x",
    "ALTER TABLE t ENABLE ALWAYS TRIGGER x",
    "ALTER TABLE t ALTER a SET STATISTICS 100, ADD COLUMN b bigint",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t REPLICA IDENTITY FULL",
    "ALTER TABLE t RENAME CONSTRAINT c TO d",
    "ALTER TABLE t RENAME COLUMN a TO b",
    "ALTER POLICY p ON t USING (true)",
    "COMMENT ON TABLE t IS 'a table'",
    "COMMENT ON COLUMN t.a IS 'a number'",
    "COMMENT ON COLUMN public.t.a IS 'a number'",
    "COMMENT ON TABLE other IS 'another table'",
    "CREATE INDEX i ON t (a)",
    "CREATE INDEX i ON other (id)",
    "CREATE POLICY q ON t",
    "CREATE RULE r AS ON INSERT TO t DO ALSO NOTIFY t",
    "CREATE STATISTICS st ON id, a FROM t",
    "CREATE TABLE third (id bigint REFERENCES t (id))",
    "CREATE TABLE third (id bigint)",
    "CREATE TABLE third AS SELECT * FROM t",
    "CREATE TRIGGER y AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TRIGGER y AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TRIGGER y INSTEAD OF DELETE ON v FOR EACH ROW EXECUTE FUNCTION f()",
    "CREATE TYPE kind AS ENUM ('a')",
    "CREATE TYPE pair AS (a int, b int)",
    "CREATE VIEW w AS SELECT a FROM t",
    "CREATE VIEW w AS SELECT a FROM t FOR UPDATE",
    "CREATE VIEW w AS SELECT id FROM other",
    "CREATE VIEW w AS SELECT a FROM v",
    "CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'",
    "CREATE FUNCTION g() RETURNS bigint STABLE BEGIN ATOMIC SELECT count(*) FROM t; END",
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC SELECT a FROM t WHERE id = 1 FOR UPDATE; END",
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC UPDATE t SET a = 1 WHERE id = 1; SELECT 1; END",
    "CREATE FUNCTION g() RETURNS int BEGIN ATOMIC DELETE FROM other; SELECT a FROM t; END",
    "CREATE FUNCTION g() RETURNS bigint STABLE RETURN (SELECT count(*) FROM t)",
    "CREATE FUNCTION g() RETURNS int STABLE RETURN 1",
    "ALTER TYPE mood ADD VALUE 'sad' BEFORE 'fine'",
    "DELETE FROM t WHERE a = 1",
    "INSERT INTO t VALUES (0, 9999)",
    "UPDATE t SET a = 9999 WHERE a = 1",
    "DROP FUNCTION IF EXISTS g()",
    "DROP INDEX t_a",
    "DROP POLICY p ON t",
    "DROP SEQUENCE s",
    "DROP TRIGGER x ON t",
    "DROP VIEW v",
    "TRUNCATE t",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO pg_monitor",
    "ALTER FUNCTION f() COST 5",
    "ALTER FUNCTION f() RENAME TO h",
    "ALTER INDEX t_a RENAME TO t_b",
    "ALTER INDEX t_a SET (fillfactor = 70)",
    "ALTER MATERIALIZED VIEW m RENAME TO n",
    "ALTER POLICY p ON t RENAME TO q",
    "ALTER PUBLICATION pub_other ADD TABLE t",
    "ALTER SEQUENCE s AS bigint",
    "ALTER SEQUENCE s OWNED BY public.t.a",
    "ALTER SEQUENCE s OWNED BY t.a",
    "ALTER SEQUENCE s RENAME TO r",
    "ALTER STATISTICS st0 SET STATISTICS 100",
    "ALTER TABLE t ALTER a SET NOT NULL, VALIDATE CONSTRAINT c",
    "ALTER TABLE t OWNER TO CURRENT_USER",
    "ALTER TABLE t SET UNLOGGED",
    "ALTER TRIGGER x ON t RENAME TO z",
    "ALTER VIEW v RENAME TO w",
    "ALTER VIEW v ALTER a SET DEFAULT 1",
    "COMMENT ON CONSTRAINT c ON t IS 'x'",
    "COMMENT ON FUNCTION f() IS 'x'",
    "COMMENT ON INDEX t_a IS 'x'",
    "COMMENT ON POLICY p ON t IS 'x'",
    "COMMENT ON TRIGGER x ON t IS 'x'",
    "COMMENT ON VIEW v IS 'x'",
    "CREATE MATERIALIZED VIEW n AS SELECT a FROM t",
    "CREATE PUBLICATION pub FOR TABLE t",
    "CREATE SEQUENCE r",
    "CREATE SEQUENCE r OWNED BY t.a",
    "CREATE TABLE third () INHERITS (t)",
    "CREATE TABLE third (LIKE t)",
    "DROP MATERIALIZED VIEW m",
    "DROP PUBLICATION pub_other",
    "DROP STATISTICS st0",
    "DROP TYPE mood",
    "GRANT SELECT ON ALL TABLES IN SCHEMA public TO pg_monitor",
    "GRANT USAGE ON SCHEMA public TO pg_monitor",
    "MERGE INTO t USING other o ON o.id = t.id WHEN MATCHED THEN UPDATE SET a = 1",
)
PRIVILEGES = (
    "GRANT SELECT ON t TO pg_monitor",
    "GRANT SELECT (a) ON t TO pg_monitor",
    "REVOKE SELECT ON t FROM pg_monitor",
)
APART = (
    "CREATE INDEX CONCURRENTLY apart ON public.t (a)",
    "DROP INDEX CONCURRENTLY public.t_a",
    "REINDEX INDEX CONCURRENTLY public.t_u",
)
UNKNOWN = (
    "ALTER TABLE other DROP CONSTRAINT other_pkey",
    "CREATE EXTENSION plpgsql",
    "CREATE FUNCTION h() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM public.t'",
    "DROP TABLE other",
    "DROP VIEW v CASCADE",
    "INSERT INTO other SELECT id FROM t",
    "REFRESH MATERIALIZED VIEW m",
    "SELECT count(*) FROM t",
)


@pytest.fixture(scope="module")
def small(server: Server) -> Iterator[str]:
    with fresh_database(server) as url:
        create_small(url)
        run(url, *MADE)
        yield url


def planned(url: str, up: str) -> Statement:
    """Return the statement as the plan has it, whatever the linter says of it."""
    found: dict[str, str] = {}
    while True:
        declared = Sql(up=up, down="", phase="finalize", accept=found)
        try:
            [statement] = plan_of(url, small_migration(declared)).finalize[0].statements
        except Exception as error:
            rules = re.findall(r"([a-z]+(?:-[a-z]+)+): ", str(error))
            if not set(rules) - set(found):
                raise
            found = {**found, **dict.fromkeys(rules, "a test")}
        else:
            return statement


@pytest.mark.wide
@pytest.mark.parametrize("up", KNOWN)
def test_a_statement_takes_the_lock_that_its_plan_names(small: str, up: str) -> None:
    statement = planned(small, up)
    assert "not known" not in statement.why
    with psycopg.connect(small) as session:
        session.execute("SET search_path = public")
        [row] = session.execute("SELECT 'public.t'::regclass::oid::bigint").fetchall()
        session.commit()
        session.execute("SET LOCAL search_path = public")
        session.execute(up.encode())
        held = strongest(session, row[0], session.info.backend_pid)
        session.rollback()
    assert statement.lock is held


@pytest.mark.parametrize("up", PRIVILEGES)
def test_privileges_hold_off_nothing_but_ddl(small: str, up: str) -> None:
    statement = planned(small, up)
    with psycopg.connect(small) as session:
        [row] = session.execute("SELECT 'public.t'::regclass::oid::bigint").fetchall()
        session.execute(up.encode())
        held = strongest(session, row[0], session.info.backend_pid)
        since_18 = session.info.server_version >= SINCE_18
        session.rollback()
    assert statement.lock is Lock.ACCESS_SHARE
    assert held is (statement.lock if since_18 else Lock.NONE)


@pytest.mark.parametrize("up", UNKNOWN)
def test_a_kind_that_is_not_known_is_said_to_be_and_treated_as_the_strongest(
    small: str, up: str
) -> None:
    statement = planned(small, up)
    assert statement.why.endswith("its lock is not known: treated as ACCESS EXCLUSIVE")
    assert statement.lock is Lock.ACCESS_EXCLUSIVE


@pytest.mark.parametrize("up", APART)
def test_a_concurrent_statement_takes_the_lock_that_its_plan_names(database: str, up: str) -> None:
    create_small(database)
    run(database, *MADE)
    statement = planned(database, up)
    [(oid,)] = run(database, "SELECT 'public.t'::regclass::oid::bigint")
    assert isinstance(oid, int)
    assert held_apart(database, oid, up, busy="UPDATE public.t SET a = a WHERE id = 3") is (
        statement.lock
    )
