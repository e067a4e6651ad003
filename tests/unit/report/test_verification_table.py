"""Verdicts as tables, CSV and rows for an artifact."""

from pgtide.model.verification import Mismatch, Verification
from pgtide.report.verification_table import mismatches, to_csv, to_rows, totals

FOUND = Verification(
    level="L2",
    rows=1_234_567,
    mismatches=2,
    problems=("the index i is not valid",),
    sample=(
        Mismatch(key={"id": 7}, change="verified_at", old="t", expected=None, actual="x,y"),
        Mismatch(key={"a": "ä", "b": 2}, change="token", old=None, expected="e", actual=None),
    ),
    seconds=1.26,
)


def test_mismatches_are_rows_of_key_change_old_expected_and_actual() -> None:
    assert to_rows(mismatches(FOUND)) == [
        {
            "key": '{"id": 7}',
            "change": "verified_at",
            "old": "t",
            "expected": None,
            "actual": "x,y",
        },
        {
            "key": '{"a": "ä", "b": 2}',
            "change": "token",
            "old": None,
            "expected": "e",
            "actual": None,
        },
    ]


def test_csv_has_a_header_and_quotes_what_needs_it() -> None:
    assert to_csv(mismatches(FOUND)).splitlines() == [
        "key,change,old,expected,actual",
        '"{""id"": 7}",verified_at,t,,"x,y"',
        '"{""a"": ""ä"", ""b"": 2}",token,,e,',
    ]


def test_totals_name_the_level_the_counts_and_each_problem() -> None:
    assert [(row["what"], row["found"]) for row in to_rows(totals(FOUND))] == [
        ("level", "L2"),
        ("rows compared", "1,234,567"),
        ("rows out of step", "2"),
        ("problem", "the index i is not valid"),
        ("result", "failed"),
        ("seconds", "1.3"),
    ]


def test_a_clean_verdict_has_an_empty_table_of_mismatches() -> None:
    clean = Verification(level="L2", rows=0, mismatches=0, problems=(), sample=(), seconds=0)
    assert to_rows(mismatches(clean)) == []
    assert to_csv(mismatches(clean)) == "key,change,old,expected,actual\n"
