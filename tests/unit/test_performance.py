"""What is held against a query's speed, and how a query is read through another shape."""

from dataclasses import replace

import pytest

from pgtide import Performance
from pgtide.errors import InvalidMigration
from pgtide.model.performance import MATTERS_BLOCKS, Measurement, Moment, objections, standings
from pgtide.model.table import TableName
from pgtide.postgres.query_plan import Shape, seen_through
from tests.users import email_migration

BEFORE = Measurement(
    ordinal=0,
    moment=Moment.BEFORE_EXPAND,
    query="SELECT 1",
    max_ms=None,
    median_ms=1.0,
    scans=0,
    blocks=MATTERS_BLOCKS,
    plan="{}",
)
AFTER = replace(BEFORE, moment=Moment.AFTER_FINALIZE)
USERS = TableName(schema="public", name="users")
SCANS = "query 1 (SELECT 1) reads the whole table, 1,000 blocks, which it did not before expand"
SWAPPED = Shape(table=USERS, oid=1, names={"a": "b", "b": "a"})


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (AFTER, None),
        (replace(AFTER, median_ms=50.0), None),
        (replace(AFTER, max_ms=50.0, median_ms=50.0), None),
        (
            replace(AFTER, max_ms=50.0, median_ms=50.1),
            "query 1 (SELECT 1) takes 50.1 ms, more than 50 ms; before expand it was 1.0 ms",
        ),
        (
            replace(AFTER, median_ms=None),
            "query 1 (SELECT 1) does not end in time; before expand it was 1.0 ms",
        ),
        (
            replace(AFTER, scans=1),
            SCANS,
        ),
        (replace(AFTER, scans=1, blocks=MATTERS_BLOCKS - 1), None),
    ],
)
def test_a_limit_a_hang_and_a_new_scan_of_a_big_table_are_held_against_it(
    after: Measurement, says: str | None
) -> None:
    assert objections([BEFORE], [after]) == (() if says is None else (says,))


def test_a_scan_that_was_there_before_is_not_new() -> None:
    scanning = replace(BEFORE, scans=1)
    assert objections([scanning], [replace(AFTER, scans=1)]) == ()
    assert len(objections([scanning], [replace(AFTER, scans=2)])) == 1


def test_without_a_measurement_from_before_only_the_limit_counts() -> None:
    after = replace(AFTER, scans=1, max_ms=1.0, median_ms=2.0)
    assert objections([], [after]) == ("query 1 (SELECT 1) takes 2.0 ms, more than 1 ms",)


def test_each_query_is_compared_with_itself() -> None:
    other = replace(BEFORE, ordinal=1, scans=1)
    found = objections([BEFORE, other], [replace(AFTER, ordinal=1, scans=1), AFTER])
    assert found == ()


def test_a_query_stands_where_it_was_last_measured() -> None:
    early = replace(AFTER, moment=Moment.AFTER_CONTRACT, median_ms=9.0)
    [one, none] = standings(
        [Performance("SELECT 1"), Performance("SELECT 2", max_ms=3)], [BEFORE, early, AFTER]
    )
    assert (one.before_ms, one.after_ms, one.moment) == (1.0, 1.0, "after_finalize")
    assert (none.before_ms, none.after_ms, none.moment, none.max_ms) == (None, None, None, 3)


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ("SELECT a FROM users", "SELECT a FROM pg_temp.pgtide_shape users"),
        ("SELECT a FROM public.users", "SELECT a FROM pg_temp.pgtide_shape users"),
        ("SELECT u.a FROM ONLY users AS u", "SELECT u.a FROM pg_temp.pgtide_shape u"),
        ("SELECT a FROM other.users", "SELECT a FROM other.users"),
        ("SELECT a FROM users2", "SELECT a FROM users2"),
        (
            "WITH users AS (SELECT 1 AS a) SELECT a FROM users",
            "WITH users AS (SELECT 1 AS a) SELECT a FROM users",
        ),
        (
            "SELECT 1 WHERE EXISTS (SELECT FROM users WHERE a)",
            "SELECT 1 WHERE EXISTS (SELECT FROM pg_temp.pgtide_shape users WHERE a)",
        ),
    ],
)
def test_a_query_is_read_through_the_other_shape_wherever_it_names_the_table(
    query: str, seen: str
) -> None:
    assert seen_through(query, SWAPPED) == seen


def test_without_other_names_a_query_is_read_as_it_stands() -> None:
    query = "SELECT  a   FROM users -- as it stands"
    assert seen_through(query, replace(SWAPPED, names={})) == query


@pytest.mark.parametrize(
    ("check", "says"),
    [
        (Performance("SELECT 1", max_ms=0), "max_ms is 0"),
        (Performance("SELECT 1", runs=0), "runs is 0"),
        (Performance("SELECT 1", runs=101), "runs is 101"),
    ],
)
def test_a_mistake_in_the_declaration_is_named(check: Performance, says: str) -> None:
    with pytest.raises(InvalidMigration) as caught:
        replace(email_migration(), verify=[check])
    assert says in caught.value.what


def test_the_checksum_knows_the_checks() -> None:
    one, other = (
        replace(email_migration(), verify=[Performance("SELECT 1", max_ms=limit)])
        for limit in (1.0, 2.0)
    )
    assert len({one.checksum, other.checksum, email_migration().checksum}) == 3
