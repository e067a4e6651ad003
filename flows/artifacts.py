"""Which pages a migration's flow pins up: the plan, what verification found, the summary."""

from typing import Final

from flows.noticeboard import Noticeboard
from pgtide.ledger import phases
from pgtide.ledger.performance import measured
from pgtide.ledger.run import Run
from pgtide.ledger.verifications import newest
from pgtide.model.performance import standings
from pgtide.model.verification import Verification
from pgtide.operate.first_backup import first_backup, told
from pgtide.operate.gates import gates, waiting_at
from pgtide.operate.verified import verification_of, voided
from pgtide.operate.waiting import conditions
from pgtide.operate.way_back import way_back
from pgtide.report.performance_table import performance
from pgtide.report.plan_text import plan_page
from pgtide.report.summary_text import summary_page
from pgtide.report.verification_table import mismatches, to_rows, totals

# As short as a card in the UI shows it.
ABOUT_PLANS: Final = "Each statement, lock and undo"


def show_plan(board: Noticeboard, run: Run) -> None:
    """Pin up the plan that is carried out."""
    first = first_backup(run.session, run.settings, run.record)
    page = plan_page(run.plan, backup=told(first) if first else "")
    board.markdown("plan", page, ABOUT_PLANS)


def show_verification(board: Noticeboard, found: Verification) -> None:
    """Pin up what verification found, and the first rows that are out of step."""
    verdict = "passed" if found.passed else "failed"
    told = f"{verdict}: {found.mismatches:,} of {found.rows:,} out of step"
    if found.problems:
        count = len(found.problems)
        told = f"{told}, {count} other {'problem' if count == 1 else 'problems'}"
    board.table("verification", to_rows(totals(found)), told)
    if found.sample:
        board.table("mismatches", to_rows(mismatches(found)), "The first rows out of step")


def show_performance(board: Noticeboard, run: Run) -> None:
    """Pin up what the declared queries took, if there are any."""
    found = standings(run.plan.performance, measured(run.session, run.record))
    if found:
        board.table("performance", to_rows(performance(found)), "Queries, before and after")


def show_summary(board: Noticeboard, run: Run) -> None:
    """Pin up where the migration stands now."""
    record, session = run.record, run.session
    void = voided(verification_of(session, record))
    gate = waiting_at(record, gates(session, record, run.settings, void=void))
    page = summary_page(
        record,
        phases.read(session, record.id),
        newest(session, record.id),
        way_back=way_back(session, record),
        waits=[one.text for one in conditions(session, record, gate)],
        void=void,
    )
    board.markdown("summary", page, f"{record.version}: {record.state}")
