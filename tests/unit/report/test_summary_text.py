"""The summary says how it went, and how to take it back."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pgtide.ledger.phases import PhaseRecord
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import DatedVerdict, Verdict
from pgtide.model.state import State
from pgtide.model.table import TableName
from pgtide.report.summary_text import summary_page

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
RECORD = Record(
    id="20260101_000000_a",
    version="1.0.0",
    description="A column",
    table=TableName(schema="public", name="t"),
    table_oid=1,
    state=State.VERIFIED,
    resume_to=None,
    sweep_due=False,
    spec="{}",
    checksum="",
    plan_text="",
    fingerprint=None,
    rows_total=9,
    paused_by=None,
    waiting_for=None,
    last_error="an old one",
    token=1,
    attempt=1,
    log_id=None,
)
PHASES = [
    PhaseRecord(
        phase="backfill", state="done", started_at=AT, ended_at=AT, seconds=2.04, rows=1_000
    )
]
VERDICT = DatedVerdict(
    verdict=Verdict(level="L2", rows=1_000, mismatches=0, passed=True, problems=(), seconds=1),
    at=AT,
)


def test_a_verified_migration_tells_phases_verdict_and_the_way_back() -> None:
    page = summary_page(RECORD, PHASES, VERDICT, way_back=True)
    assert "# A column (1.0.0): verified" in page
    assert "| backfill | done | 2.0 | 1,000 |" in page
    assert "passed at level L2 on 2026-01-02 03:04 UTC: 0 of 1,000 rows out of step" in page
    assert "`pgtide down 20260101_000000_a`" in page
    assert "an old one" not in page


def test_what_is_waited_for_and_a_withdrawn_verification_are_told() -> None:
    page = summary_page(
        RECORD, PHASES, VERDICT, way_back=True, waits=("the gate", "the soak"), void="a trigger"
    )
    assert "Waiting: the gate\n\nWaiting: the soak" in page
    assert "rows out of step. Withdrawn since: a trigger." in page


def test_a_completed_migration_offers_no_way_back() -> None:
    page = summary_page(replace(RECORD, state=State.COMPLETED), PHASES, VERDICT, way_back=False)
    assert "pgtide down" not in page
    assert "only a backup has the old shape" in page


def test_a_failed_migration_tells_why() -> None:
    failed = replace(RECORD, state=State.FAILED, last_error="no lock")
    page = summary_page(failed, PHASES, None, way_back=True)
    assert "Last error: no lock" in page
    assert "Not verified yet." in page


def test_a_migration_that_is_undone_offers_no_way_back() -> None:
    undone = replace(RECORD, state=State.ROLLED_BACK)
    assert "pgtide down" not in summary_page(undone, [], None, way_back=False)


@pytest.mark.parametrize("state", [State.VERIFIED, State.CONTRACTED, State.FAILED])
def test_no_way_back_is_offered_where_a_statement_or_a_write_has_closed_it(state: State) -> None:
    page = summary_page(replace(RECORD, state=state), PHASES, VERDICT, way_back=False)
    assert "pgtide down" not in page
    assert "There is no way back to the old shape any more" in page
