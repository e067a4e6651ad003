"""A migration as a Prefect flow, on a real server: what it does and what people see of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import pytest

from flows.run import run_any, run_flow
from pgtide.clock import Clock
from pgtide.errors import Waiting
from pgtide.events import BatchCommitted, PhaseEnded, SlicesCut
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from pgtide.phases.backward import undo
from pgtide.postgres.embedded import Server
from tests.acceptance.flow_records import Heard, email, out_of_step, runs, state_of
from tests.catalog_snapshot import snapshot
from tests.driving import record_of
from tests.prefect_server import PrefectApi, prefect_api, soon
from tests.server import fresh_database
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched

__all__ = ["prefect_api"]

ROWS = 20_000
TASKS = {
    "preflight users",
    "expand users",
    "backfill users",
    "finalize users",
    "verify users",
}


@dataclass
class Journey:
    """A migration that a flow has brought from nothing to `verified`."""

    url: str
    heard: Heard
    flow_run_id: str


@pytest.fixture(scope="module")
def journey(server: Server, prefect_api: PrefectApi) -> Iterator[Journey]:
    with fresh_database(server) as url:
        create_users(url, rows=ROWS)
        heard = Heard()
        run_flow(email().flow, prefect_api.settings(url), Caller(actor="ann", emit=heard))
        yield Journey(url, heard, runs(url)[-1]["flow_run_id"])


def test_a_flow_brings_a_table_from_planned_to_verified(journey: Journey) -> None:
    assert state_of(journey.url) is State.VERIFIED
    assert out_of_step(journey.url) == 0


def test_the_callers_listener_and_name_arrive_in_the_run(journey: Journey) -> None:
    ended = [event.phase for event in journey.heard.events if isinstance(event, PhaseEnded)]
    assert ended == ["expand", "backfill", "finalize", "verify"]
    assert runs(journey.url)[0]["actor"] == "ann"


def test_the_server_knows_the_run_and_each_of_its_tasks(
    journey: Journey, prefect_api: PrefectApi
) -> None:
    flow_run = prefect_api.flow_run(journey.flow_run_id)
    assert (flow_run["state_name"], flow_run["name"]) == (
        "Completed",
        "email_verification_v2 to verify",
    )
    # How many slices a table is cut into follows the server's cores and load; of few slices each
    # worker takes the next.
    walked = "SELECT array_agg(id ORDER BY ordinal) FROM pgtide.slice WHERE kind = 'walk'"
    [(slices,)] = run(journey.url, walked)
    assert isinstance(slices, list)
    named = soon(
        lambda: [
            one["name"]
            for one in prefect_api.task_runs(journey.flow_run_id)
            if one["name"].startswith("backfill group ")
        ],
        bool,
    )
    many = int(named[0].rpartition(" ")[2])
    assert 1 <= many <= len(slices)
    groups = {f"backfill group {number} of {many}" for number in range(1, many + 1)}
    expected = dict.fromkeys(TASKS | groups, "Completed")
    found = soon(
        lambda: {
            one["name"]: one["state_name"] for one in prefect_api.task_runs(journey.flow_run_id)
        },
        lambda seen: seen == expected,
    )
    assert found == expected


def test_plan_progress_verification_and_summary_are_pinned_up(
    journey: Journey, prefect_api: PrefectApi
) -> None:
    found = {one["key"]: one["data"] for one in prefect_api.artifacts(journey.flow_run_id)}
    suffix = "20251231-120000-email-verification-v2"
    assert set(found) == {
        f"{kind}-{suffix}" for kind in ("plan", "progress", "verification", "summary")
    }
    assert "CREATE INDEX CONCURRENTLY" in found[f"plan-{suffix}"]
    assert found[f"progress-{suffix}"] == 100
    assert '"rows out of step", "found": "0"' in found[f"verification-{suffix}"]
    assert "pgtide down" in found[f"summary-{suffix}"]


def test_the_log_tells_the_story_in_words(journey: Journey, prefect_api: PrefectApi) -> None:
    log = soon(lambda: prefect_api.logs(journey.flow_run_id), lambda seen: "verify begins" in seen)
    assert "expand begins" in log
    assert any(line.startswith("backfill ended after") and "rows" in line for line in log)
    assert len(log) < 40


def test_the_server_is_told_no_password(journey: Journey, prefect_api: PrefectApi) -> None:
    password = urlsplit(journey.url).password
    told = (
        prefect_api.flow_run(journey.flow_run_id),
        prefect_api.task_runs(journey.flow_run_id),
        prefect_api.artifacts(journey.flow_run_id),
        prefect_api.logs(journey.flow_run_id),
    )
    assert password
    assert password not in str(told)


def test_a_second_flow_finds_nothing_to_do_and_ends_well(
    journey: Journey, prefect_api: PrefectApi
) -> None:
    heard = Heard()
    run_flow(email().flow, prefect_api.settings(journey.url), Caller(actor="ann", emit=heard))
    assert heard.batches == []
    assert state_of(journey.url) is State.VERIFIED
    newest = runs(journey.url)[-1]["flow_run_id"]
    assert newest != journey.flow_run_id
    assert prefect_api.flow_run(newest)["state_name"] == "Completed"


def test_a_flow_stops_after_the_phase_it_was_asked_for(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database)
    settings = prefect_api.settings(database)
    run_flow(email().flow, settings, Caller(actor="ann"), until=Phase.EXPAND)
    assert state_of(database) is State.EXPANDED


def test_what_the_form_asks_for_reaches_the_engine(database: str, prefect_api: PrefectApi) -> None:
    """So many workers, and so much of the time at rest; both against what the settings say."""
    create_users(database, rows=3000)
    rested: list[float] = []

    def rest(seconds: float) -> None:
        rested.append(seconds)
        time.sleep(seconds)

    heard = Heard()
    caller = Caller(actor="ann", emit=heard, clock=Clock(sleep=rest))
    settings = replace(prefect_api.settings(database), workers=2, duty=1.0)
    asked = {"until": "backfill", "workers": 1, "duty": 0.05}
    run_any(email().flow, settings, caller, {"parameters": asked})
    assert [event.workers for event in heard.events if isinstance(event, SlicesCut)] == [1]
    worked = [event.seconds for event in heard.events if isinstance(event, BatchCommitted)]
    # Nineteen times as long as at work, but for the last.
    assert sum(rested) > 5 * sum(worked)


def test_a_dry_run_shows_the_plan_and_changes_nothing(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=50)
    before = snapshot(database)
    asked = {"parameters": {"dry_run": True}}
    run_any(email().flow, prefect_api.settings(database), Caller(actor="ann"), asked)
    named = {"name": {"any_": ["email_verification_v2 dry run"]}}
    (flow_run,) = prefect_api.ask("POST", "/flow_runs/filter", {"flow_runs": named})
    assert (flow_run["state_type"], flow_run["state_name"]) == ("COMPLETED", "DryRun")
    pages = prefect_api.artifacts(flow_run["id"])
    assert ["CREATE INDEX CONCURRENTLY" in page["data"] for page in pages] == [True]
    assert snapshot(database) == before


def test_what_was_undone_is_started_over_only_where_it_is_asked_for(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=50)
    settings, caller = prefect_api.settings(database), Caller(actor="ann")
    run_flow(email().flow, settings, caller, until=Phase.EXPAND)
    undo(settings, caller, record_of(database, MIGRATION_ID))
    off_peak = {"until": "expand", "start_over": False}
    with pytest.raises(Waiting, match="was undone"):
        run_any(email().flow, settings, caller, {"parameters": off_peak})
    assert state_of(database) is State.ROLLED_BACK
    run_any(email().flow, settings, caller, {"parameters": {"until": "expand"}})
    assert state_of(database) is State.EXPANDED
