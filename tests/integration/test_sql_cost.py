"""What the plan says of a declared statement's cost is what the server does with the table."""

from collections.abc import Iterator

import psycopg
import pytest

from pgtide import Migration, Sql
from pgtide.errors import InvalidMigration
from pgtide.model.expression import Cost
from pgtide.model.statement import Statement
from pgtide.postgres.embedded import Server
from tests.catalog_snapshot import changes, snapshot
from tests.driving import plan_of, refusal
from tests.integration.test_sql_locks import planned
from tests.server import fresh_database
from tests.small_table import create_small, run, small_migration

MADE = (
    "CREATE TABLE public.other (id int PRIMARY KEY)",
    "CREATE DOMAIN public.free AS int",
    "CREATE DOMAIN public.positive AS int CHECK (VALUE > 0)",
    "ALTER TABLE public.t ADD s varchar(10) DEFAULT 'x', ADD n numeric(8, 2), ADD w int, ADD v int",
    "ALTER TABLE public.t ADD at timestamp DEFAULT now(), ADD x text",
    "ALTER TABLE public.t ADD g int GENERATED ALWAYS AS (v + 1) STORED",
    "UPDATE public.t SET x = 'x'",
    "CREATE INDEX t_s ON public.t (s)",
    "CREATE UNIQUE INDEX t_u ON public.t (a)",
    "CREATE UNIQUE INDEX t_i ON public.t (id) INCLUDE (a)",
    "CREATE UNIQUE INDEX t_x ON public.t (id, x)",
    "CREATE TABLE public.parted (id int) PARTITION BY LIST (id)",
    "ALTER TABLE public.t ADD CONSTRAINT a_there CHECK (a IS NOT NULL) NOT VALID",
    "ALTER TABLE public.t ADD CONSTRAINT x_there CHECK (x IS NOT NULL)",
)
ALTERED = (
    "ALTER a TYPE bigint",
    "ALTER a TYPE bigint USING a + 1",
    "ALTER a TYPE oid",
    "ALTER a TYPE free",
    "ALTER a TYPE positive",
    "ALTER s TYPE varchar(20)",
    "ALTER s TYPE text",
    'ALTER s TYPE text COLLATE "C"',
    "ALTER s TYPE varchar(5)",
    "ALTER n TYPE numeric(10, 2)",
    "ALTER n TYPE numeric(10, 3)",
    "ALTER at TYPE timestamptz",
    "ALTER at TYPE timestamp(3)",
    "ALTER id TYPE bigint",
    "ALTER g SET EXPRESSION AS (v + 2)",
    "ALTER g DROP EXPRESSION",
    "ADD b timestamptz DEFAULT now()",
    "ADD b timestamptz DEFAULT clock_timestamp()",
    "ADD b uuid DEFAULT gen_random_uuid()",
    "ADD b bigint DEFAULT 3",
    "ADD b bigint NOT NULL DEFAULT 3 + 4",
    "ADD b bigint GENERATED ALWAYS AS (a + 1) STORED",
    "ADD b bigint GENERATED ALWAYS AS (a + 1) VIRTUAL",
    "ADD b bigint GENERATED ALWAYS AS IDENTITY",
    "ADD b bigserial",
    "ADD b free",
    "ADD b positive",
    "ADD b bigint CHECK (b > 0)",
    "ADD b bigint UNIQUE",
    "ADD b bigint REFERENCES other (id)",
    "ALTER a SET NOT NULL",
    "ALTER x SET NOT NULL",
    "ALTER a SET DEFAULT 1",
    "ALTER a SET STATISTICS 100, ALTER a TYPE bigint",
    "ADD CONSTRAINT d CHECK (a > 0)",
    "ADD CONSTRAINT d CHECK (a > 0) NOT VALID",
    "ADD CONSTRAINT f FOREIGN KEY (w) REFERENCES other (id)",
    "ADD CONSTRAINT f FOREIGN KEY (w) REFERENCES other (id) NOT VALID",
    "ADD CONSTRAINT u UNIQUE (a)",
    "ADD CONSTRAINT u UNIQUE USING INDEX t_u",
    "ADD CONSTRAINT e EXCLUDE (a WITH =)",
    "ADD CONSTRAINT k PRIMARY KEY (a), DROP CONSTRAINT t_pkey",
    "ADD CONSTRAINT k PRIMARY KEY USING INDEX t_u, DROP CONSTRAINT t_pkey",
    "ADD CONSTRAINT k PRIMARY KEY USING INDEX t_i, DROP CONSTRAINT t_pkey",
    "ADD CONSTRAINT k PRIMARY KEY USING INDEX t_x, DROP CONSTRAINT t_pkey",
    "SET UNLOGGED",
    "SET ACCESS METHOD heap",
    "SET (fillfactor = 90)",
    "DROP COLUMN w",
    "ENABLE ROW LEVEL SECURITY",
    "OWNER TO CURRENT_USER",
    "REPLICA IDENTITY FULL",
)


@pytest.fixture(scope="module")
def small(server: Server) -> Iterator[str]:
    with fresh_database(server) as url:
        create_small(url)
        run(url, *MADE)
        yield url


def done(url: str, up: str) -> Cost:
    """Run a statement on the table with its rows, and see its file and what the server says."""
    said: list[str] = []
    with psycopg.connect(url) as session:
        session.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        session.execute("SET search_path = public; SET client_min_messages = debug1")
        [before] = session.execute("SELECT pg_relation_filenode('t')").fetchall()
        session.execute(up.encode())
        [after] = session.execute("SELECT pg_relation_filenode('t')").fetchall()
        session.rollback()
    if after != before:
        return Cost.REWRITES
    reads = ('verifying table "t"', "building index", "validating foreign key")
    said = [line for line in said if "pg_toast" not in line]
    return Cost.READS if any(line.startswith(reads) for line in said) else Cost.NONE


def cost(statement: Statement) -> Cost:
    if statement.rewrites:
        return Cost.REWRITES
    return Cost.READS if "reads the whole table" in statement.why else Cost.NONE


@pytest.mark.wide
@pytest.mark.parametrize("clause", ALTERED)
def test_a_statement_costs_what_its_plan_says(small: str, clause: str) -> None:
    up = f"ALTER TABLE t {clause}"
    assert cost(planned(small, up)) is done(small, up)


@pytest.mark.parametrize(
    ("up", "says"),
    [
        ("ALTER TABLE t ALTER a TYPE bigint", "ReplaceColumn changes a type without that"),
        ("ALTER TABLE t ADD b bigserial", "rewrites-whole-table: It writes the whole table"),
        ("ALTER TABLE t ADD b positive", "AddColumn adds it empty and fills it in small batches"),
        ("ALTER TABLE t ADD b bigint CHECK (b > 0)", "reads-whole-table: It reads the whole table"),
        ("ALTER TABLE t ALTER a SET NOT NULL", "VALIDATE it, then SET NOT NULL"),
        ("ALTER TABLE t SET UNLOGGED", "do it in a maintenance window of its own"),
        ("ALTER TABLE other ALTER id TYPE bigint", "ReplaceColumn changes a type without that"),
        ("ALTER TABLE parted ATTACH PARTITION other FOR VALUES IN (1)", "reads-whole-table: It"),
        ("ALTER DOMAIN free SET NOT NULL", "reads-whole-table: It"),
        ("ALTER DOMAIN free VALIDATE CONSTRAINT b", "reads-whole-table: It"),
        ("ALTER DOMAIN free ADD CONSTRAINT b CHECK (VALUE > 0)", "ban-alter-domain-with-add"),
    ],
)
def test_what_keeps_everybody_waiting_is_refused_by_name_with_the_way_to_do_it(
    small: str, up: str, says: str
) -> None:
    error = refusal(lambda: plan_of(small, small_migration(Sql(up=up, down="", phase="finalize"))))
    assert isinstance(error, InvalidMigration)
    assert says in error.what


def chain(*phases: str) -> Migration:
    """NOT NULL as it is done on a table in use, in three statements."""
    ups = (
        "ALTER TABLE t ADD CONSTRAINT w_there CHECK (w IS NOT NULL) NOT VALID",
        "ALTER TABLE t VALIDATE CONSTRAINT w_there",
        "ALTER TABLE t ALTER w SET NOT NULL",
    )
    downs = ("ALTER TABLE t DROP CONSTRAINT w_there", "", "ALTER TABLE t ALTER w DROP NOT NULL")
    names = [up.replace("TABLE t", "TABLE public.t") for up in ups]
    steps = zip(names, downs, phases, strict=True)
    return small_migration(*(Sql(up=up, down=down, phase=phase) for up, down, phase in steps))  # type: ignore[arg-type]  # the phases are right


def test_not_null_over_a_check_that_the_same_migration_validates_is_no_scan(small: str) -> None:
    plan = plan_of(small, chain("expand", "finalize", "finalize"))
    [statement] = plan.finalize[1].statements
    assert cost(statement) is Cost.NONE
    assert {(one.rule, one.level) for one in statement.findings} >= {
        ("adding-not-nullable-field", "warning")
    }


@pytest.mark.parametrize("phases", [("finalize", "finalize", "expand")])
def test_a_check_that_comes_later_proves_nothing(small: str, phases: tuple[str, ...]) -> None:
    error = refusal(lambda: plan_of(small, chain(*phases)))
    assert "adding-not-nullable-field" in error.what


def test_in_contract_the_copy_proves_nothing(small: str) -> None:
    """A replaced column's name is the other column's by then."""
    up = "ALTER TABLE t ALTER x SET NOT NULL"
    declared = Sql(up=up, down="ALTER TABLE t ALTER x DROP NOT NULL", phase="contract")
    error = refusal(lambda: plan_of(small, small_migration(declared)))
    assert "adding-not-nullable-field" in error.what


@pytest.mark.parametrize(
    ("before", "way_back"),
    [
        (
            "ALTER TABLE t DROP CONSTRAINT x_there, DROP CONSTRAINT t_pkey",
            "ALTER TABLE t ADD CONSTRAINT x_there CHECK (x IS NOT NULL) NOT VALID",
        ),
        (
            "ALTER TABLE t DROP CONSTRAINT x_there, ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE t DISABLE ROW LEVEL SECURITY",
        ),
        ("ALTER TABLE t DROP CONSTRAINT x_there, DROP CONSTRAINT made_before", "SELECT 1"),
    ],
)
def test_a_check_that_a_step_before_dropped_proves_nothing(
    small: str, before: str, way_back: str
) -> None:
    """What the copy refuses may have dropped it."""
    up = "ALTER TABLE t ALTER x SET NOT NULL"
    declared = (
        Sql(up=before, down=way_back, phase="finalize"),
        Sql(up=up, down="ALTER TABLE t ALTER x DROP NOT NULL", phase="finalize"),
    )
    error = refusal(lambda: plan_of(small, small_migration(*declared)))
    assert "Sql (change 2): adding-not-nullable-field" in error.what


@pytest.mark.parametrize(("column", "found"), [("id", Cost.NONE), ("w", Cost.READS)])
def test_a_key_over_an_index_that_a_step_before_builds(
    small: str, column: str, found: Cost
) -> None:
    """It reads the table where a column of it may be NULL."""
    key = "ALTER TABLE t ADD CONSTRAINT k PRIMARY KEY USING INDEX t_new, DROP CONSTRAINT t_pkey"
    built = Sql(
        up=f"CREATE UNIQUE INDEX CONCURRENTLY t_new ON public.t ({column})",
        down="DROP INDEX CONCURRENTLY public.t_new",
        phase="expand",
    )
    accept = {"reads-whole-table": "it is small"}
    made = Sql(up=key, irreversible="so it is", phase="finalize", accept=accept)
    [step, *_] = plan_of(small, small_migration(built, made)).finalize
    assert cost(step.statements[0]) is found


def test_the_trial_leaves_nothing(small: str) -> None:
    before = snapshot(small)
    planned(small, "ALTER TABLE t ADD b bigserial")
    assert changes(before, snapshot(small)) == []


def test_the_trial_touches_no_other_table(small: str) -> None:
    """What alters another table before must not be run on it while its readers are at work."""
    ups = ("ALTER TABLE other ADD b bigint", "ALTER TABLE t ADD b bigint")
    downs = ("ALTER TABLE other DROP b", "ALTER TABLE t DROP b")
    declared = [
        Sql(up=up, down=down, phase="finalize") for up, down in zip(ups, downs, strict=True)
    ]
    with psycopg.connect(small) as reader:
        reader.execute("SELECT FROM public.other")
        assert plan_of(small, small_migration(*declared)).finalize
