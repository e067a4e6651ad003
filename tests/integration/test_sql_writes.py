"""A declared statement that writes many rows at once, or loses values, needs a reason."""

from collections.abc import Iterator

import pytest

from pgtide import Sql
from pgtide.errors import InvalidMigration
from pgtide.postgres.embedded import Server
from tests.driving import plan_of, refusal
from tests.server import fresh_database
from tests.small_table import create_small, run, small_migration

WHOLE = "unbounded-write: It writes every row of t in one transaction"
MANY = "unbounded-write: It writes about "


@pytest.fixture(scope="module")
def small(server: Server) -> Iterator[str]:
    with fresh_database(server) as url:
        create_small(url)
        run(
            url,
            "CREATE TABLE public.big AS SELECT g AS id, g % 2 AS half FROM"
            " generate_series(1, 30000) g",
            "CREATE UNIQUE INDEX ON public.big (id)",
            "ANALYZE public.big",
        )
        yield url


@pytest.mark.parametrize(
    ("up", "says"),
    [
        ("UPDATE t SET a = 0", WHOLE),
        ("UPDATE t SET a = 0 WHERE true", WHOLE),
        ("DELETE FROM t", WHOLE),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT count(*) FROM gone", WHOLE),
        ("UPDATE big SET half = 0 WHERE half = 1", MANY),
        ("DELETE FROM big WHERE id > 100", MANY),
        ("UPDATE big SET half = (SELECT max(a) FROM t) WHERE half = 1", MANY),
        (
            "WITH o AS MATERIALIZED (SELECT 1 a) UPDATE big SET half = o.a FROM o WHERE half = 1",
            MANY,
        ),
        ("WITH gone AS (DELETE FROM big WHERE half = 1 RETURNING id) SELECT id FROM gone", MANY),
        ("MERGE INTO big USING big o ON o.id = big.id WHEN MATCHED THEN DELETE", MANY),
    ],
)
def test_many_rows_in_one_transaction_are_refused(small: str, up: str, says: str) -> None:
    declared = Sql(up=up, irreversible="so it is", phase="finalize")
    error = refusal(lambda: plan_of(small, small_migration(declared)))
    assert isinstance(error, InvalidMigration)
    assert says in error.what
    assert "backfill in small batches" in error.what
    reason = {"unbounded-write": "in a night without writers"}
    declared = Sql(up=up, irreversible="so it is", phase="finalize", accept=reason)
    [statement] = plan_of(small, small_migration(declared)).finalize[0].statements
    assert statement.findings[-1].accepted == reason["unbounded-write"]


@pytest.mark.parametrize(
    "up",
    [
        "UPDATE t SET a = 0 WHERE id = 1",
        "DELETE FROM big WHERE id BETWEEN 100 AND 200",
        "UPDATE made_by_a_step_before SET a = 0 WHERE id = 1",
        "INSERT INTO t SELECT id + 1000, 1 FROM big",
    ],
)
def test_few_rows_are_not(small: str, up: str) -> None:
    declared = Sql(up=up, irreversible="so it is", phase="finalize")
    [statement] = plan_of(small, small_migration(declared)).finalize[0].statements
    assert all(one.rule != "unbounded-write" for one in statement.findings)


@pytest.mark.parametrize(
    ("up", "loses"),
    [
        ("DELETE FROM t WHERE id = 1", "the rows it removes"),
        ("UPDATE t SET a = 0 WHERE id = 1", "the values it overwrites"),
        ("TRUNCATE big", "the rows it removes"),
        ("DROP TABLE big", "what it drops"),
        ("DROP SEQUENCE s", "what it drops"),
        ("ALTER TABLE t DROP COLUMN a", "the values of the column it drops"),
    ],
)
def test_lost_values_need_a_way_back_or_a_reason(small: str, up: str, loses: str) -> None:
    """An empty `down` says that nothing has to be taken back; here that cannot be meant."""
    accept = dict.fromkeys(("ban-drop-column", "ban-drop-table"), "nobody reads it")
    accept = {rule: why for rule, why in accept.items() if rule.removeprefix("ban-") in slug(up)}
    empty = Sql(up=up, down="", phase="finalize", accept=accept)
    error = refusal(lambda: plan_of(small, small_migration(empty)))
    assert f"lost-values: Undo would not bring back {loses}, and `down` is empty" in error.what
    for one in (
        Sql(up=up, down="SELECT 1", phase="finalize", accept=accept),
        Sql(up=up, irreversible="so it is", phase="finalize", accept=accept),
        Sql(up=up, down="", phase="finalize", accept={**accept, "lost-values": "litter"}),
    ):
        assert plan_of(small, small_migration(one)).finalize


def slug(up: str) -> str:
    return up.replace("ALTER TABLE t ", "").lower().replace(" ", "-")


def test_what_only_adds_needs_none(small: str) -> None:
    declared = Sql(up="CREATE VIEW v AS SELECT a FROM t", down="", phase="finalize")
    assert plan_of(small, small_migration(declared)).finalize
