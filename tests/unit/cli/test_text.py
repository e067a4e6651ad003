"""Figures and SQL as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cli.display.sql_text import pretty, wrapped
from cli.display.words import between, percent, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (4.25, "4.2 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (7800, "2 h 10 min"),
        (277_200, "3 d 5 h"),
    ],
)
def test_a_duration_is_written_in_its_two_biggest_units(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_a_range_names_a_common_unit_once() -> None:
    assert between(12, 20) == "12 to 20 s"
    assert between(50, 100) == "50 s to 1 min 40 s"
    assert between(-1, 0) == "0.0 s"


def test_a_whole_percentage_has_no_fraction() -> None:
    assert (percent(99.0), percent(12.5)) == ("99 %", "12.5 %")


def test_a_statement_is_broken_before_its_clauses_and_a_body_is_not() -> None:
    assert pretty('ALTER TABLE "t" ADD COLUMN "a" text, ADD COLUMN "b" text').count("\n") == 2
    body = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'"
    assert pretty(body) == body


@given(some.text(alphabet="ab \n(),", max_size=300), some.integers(20, 100))
def test_wrapping_loses_no_word(sql: str, width: int) -> None:
    assert wrapped(sql, width).split() == sql.split()
