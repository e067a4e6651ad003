"""Prefect's UI in a real browser: a run is started, approved, retried, paused, cancelled there.

Every picture that is taken on the way is in build/screenshots; one of them is the README's.
"""

import re
from pathlib import Path

import pytest

from flows.parameters import MigrateParameters
from tests.browser import small
from tests.desk import ORDERS, ORDERS_ID, ROWS, Desk, desk
from tests.serving import kill
from tests.users import MIGRATION_ID

__all__ = ["desk"]

pytestmark = pytest.mark.long

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "gate.png"
# What the run is called, and every link to it.
NAME = "email_verification_v2 to verify"
REASON = "Release 2.1 is out everywhere since Monday"
# What a person is promised.
SECONDS = 2.0


def test_a_run_is_started_in_the_form_and_approved_at_its_gate(
    desk: Desk, pytestconfig: pytest.Config
) -> None:
    find_it(desk)
    start_in_the_form(desk)
    look_at_the_gate(desk)
    approve_in_the_form(desk, pytestconfig)
    look_at_the_work(desk)
    desk.hurry(MIGRATION_ID)
    look_at_the_end(desk)


def find_it(desk: Desk) -> None:
    ui = desk.ui
    ui.home()
    ui.go("Deployments")
    # They stand in the order of their names, ten on a page.
    ui.search("migrate")
    ui.see(re.compile("^migrate$"))
    ui.shot("deployments")
    ui.go("Flows")
    ui.see("Last Run")
    ui.see(ORDERS_ID)
    ui.shot("flows")
    ui.follow(MIGRATION_ID)
    ui.tab("Deployments")
    ui.follow("migrate")
    ui.tab("Description")
    ui.see("go on with what is left, up to verify")
    ui.shot("deployment")


def start_in_the_form(desk: Desk) -> None:
    ui = desk.ui
    ui.custom_run()
    fields = MigrateParameters.model_fields.values()
    for one in fields:
        ui.see(str(one.title))
        ui.see(str(one.description))
    # In the order in which they are declared.
    assert ui.titles() == [one.title for one in fields]
    ui.field("Number of workers").fill("2")
    ui.field("Rate").fill("0.1")
    ui.choose("Last phase", "verify")
    ui.shot("form")
    run = ui.submit()
    given = desk.serving.api.flow_run(run)["parameters"]["parameters"]
    assert (given["workers"], given["duty"], given["until"]) == (2, 0.1, "verify")


def look_at_the_gate(desk: Desk) -> None:
    ui = desk.ui
    ui.state("Suspended")
    ui.tab("Artifacts")
    ui.see("To decide: dual_write_deployed")
    ui.shot("at-its-gate")
    ui.artifact("plan", desk.newest("plan", MIGRATION_ID))
    ui.see("Plan of 2.1.0 on public.users")
    ui.see("AccessExclusiveLock")
    ui.shot("plan")
    ui.follow(NAME)


def approve_in_the_form(desk: Desk, pytestconfig: pytest.Config) -> None:
    ui = desk.ui
    form = ui.ask("Resume")
    ui.see("may backfill begin?", form)
    ui.see(f"{ROWS:,} rows: restored on trial and compared", form)
    # Nothing was verified yet, so nothing leads there.
    assert form.get_by_role("link").all_inner_texts() == ["plan", "summary"]
    ui.choose("Decision", "approve")
    ui.field("Your name").fill("Ann Ames")
    ui.field("Reason").fill(REASON)
    picture = small(ui.shot("gate"))
    assert len(picture) < 200_000
    if pytestconfig.getoption("--pictures"):
        PICTURE.parent.mkdir(exist_ok=True)
        PICTURE.write_bytes(picture)
    ui.confirm(form, "Resume")
    desk.more(MIGRATION_ID)
    found = desk.rows(
        "SELECT gate, approved, actor, reason FROM pgtide.approval WHERE migration_id = %s",
        MIGRATION_ID,
    )
    assert found == [("dual_write_deployed", True, "Ann Ames", REASON)]


def look_at_the_work(desk: Desk) -> None:
    ui = desk.ui
    ui.state("Running")
    ui.tab("Artifacts")
    ui.see(re.compile(r"[\d,]+ of about 20,000 rows filled"))
    ui.shot("at-work")
    ui.artifact("progress", desk.newest("progress", MIGRATION_ID))
    ui.see(re.compile("Progress: "))
    ui.shot("progress")
    ui.follow(NAME)


def look_at_the_end(desk: Desk) -> None:
    ui = desk.ui
    ui.state("Completed")
    ui.tab("Artifacts")
    ui.see("20,000 rows filled; none is left")
    ui.shot("completed")
    ui.artifact("verification", desk.newest("verification", MIGRATION_ID))
    ui.see("passed: 0 of 20,000 out of step")
    ui.see("rows compared")
    ui.shot("verification")
    ui.follow(NAME)
    ui.artifact("summary", desk.newest("summary", MIGRATION_ID))
    ui.see("Email verification v2 (2.1.0): verified")
    ui.see("Verification passed at level L2")
    ui.shot("summary")


def test_what_stops_a_run_loses_nothing_and_a_button_or_nobody_lets_it_go_on(desk: Desk) -> None:
    """One story of one run, since each start of a process takes seconds."""
    run = desk.begin(ORDERS_ID)
    pause_and_resume(desk, run)
    kill_and_retry(desk, run)
    kill_with_its_runner(desk, run)
    cancel(desk, run)
    lose_and_reap(desk, run)
    desk.hurry(ORDERS_ID)
    desk.ui.state("Completed")
    desk.ui.shot("brought-back")
    # Nobody filled a row that was filled before.
    assert desk.filled(ORDERS_ID) == ORDERS


def pause_and_resume(desk: Desk, run: str) -> None:
    ui = desk.ui
    pause = ui.ask("Pause")
    ui.shot("pause")
    ui.confirm(pause, "Pause Flow Run")
    ui.state("Suspended")
    stopped(desk, run, "Suspended")
    ui.shot("paused")
    ui.confirm(ui.ask("Resume"), "Resume")
    goes_on(desk)


def kill_and_retry(desk: Desk, run: str) -> None:
    ui = desk.ui
    desk.process_of(run).kill()
    ui.state("Crashed")
    ui.shot("killed")
    retry = ui.ask("Retry")
    ui.shot("retry")
    ui.confirm(retry, "Retry")
    goes_on(desk)
    ui.shot("retried")


def kill_with_its_runner(desk: Desk, run: str) -> None:
    process = desk.process_of(run)
    kill(desk.serving.part("runner"))
    process.kill()
    process.wait()
    # Nobody is left who could say that it is not at work.
    desk.ui.state("Running")
    desk.ui.shot("killed-with-its-runner")
    goes_on(desk)
    desk.ui.shot("came-back-by-itself")


def cancel(desk: Desk, run: str) -> None:
    ui = desk.ui
    ui.confirm(ui.ask("Cancel"), "Cancel Flow Run")
    ui.state("Cancelled")
    stopped(desk, run, "Cancelling")
    ui.shot("cancelled")


def lose_and_reap(desk: Desk, run: str) -> None:
    ui = desk.ui
    desk.lose(run)
    ui.open_deployment(desk.serving.deployments()["reaper/all"]["id"])
    ui.quick_run()
    ui.state("Completed")
    ui.tab("Details")
    ui.see(re.compile("was Running without a process, and is AwaitingRetry now"))
    ui.shot("reaper")
    ui.open_run(run)
    goes_on(desk)


def goes_on(desk: Desk) -> None:
    """Wait until rows are filled again, and the page knows."""
    desk.more(ORDERS_ID)
    desk.ui.state("Running")


def stopped(desk: Desk, run: str, asked: str) -> None:
    """Check that the batches were over soon after they were asked to stop, with a checkpoint."""
    newest = (
        "SELECT outcome, ended_at FROM pgtide.run WHERE flow_run_id = %s ORDER BY id DESC LIMIT 1"
    )
    ((outcome, ended),) = desk.serving.until(
        lambda: desk.rows(newest, run), lambda found: found[0][1] is not None
    )
    assert outcome == "interrupted"
    assert (ended - desk.asked_at(run, asked)).total_seconds() < SECONDS
    state = desk.rows("SELECT state FROM pgtide.migration WHERE id = %s", ORDERS_ID)
    assert state == [("backfilling",)]
    assert 0 < desk.filled(ORDERS_ID) < ORDERS
