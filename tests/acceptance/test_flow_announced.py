"""Flows and `pgtide down` are announced, whoever starts them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows import later
from flows.parameters import ContractParameters, MigrateParameters
from flows.run import run_any, run_flow
from pgtide.errors import AwaitingApproval
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase, State
from tests.acceptance.flow_records import email, runs, state_of
from tests.command import EMAIL_FILE, UNLOADABLE, Workplace
from tests.driving import migrate
from tests.later import HURRY, RELEASE
from tests.prefect_server import PrefectApi, prefect_api
from tests.slack_server import CHANNEL, TOKEN, SlackServer, slack
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["prefect_api", "slack"]


def link(api: PrefectApi, url: str) -> str:
    """Return the page of the newest flow run."""
    return f"{api.url.removesuffix('/api')}/runs/flow-run/{runs(url)[-1]['flow_run_id']}"


def environment(slack: SlackServer, url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": url,
        "PGTIDE_BACKUP_FIRST": "0",
        "PGTIDE_SLACK_TOKEN": TOKEN,
        "PGTIDE_SLACK_CHANNEL": CHANNEL,
        "PGTIDE_SLACK_API": f"{slack.url}/api",
        "PGTIDE_SLACK_MENTION": "here",
        "PGTIDE_ENVIRONMENT": "staging",
    }


def test_a_flow_is_announced_with_a_link_and_a_gate_calls_somebody(
    database: str, prefect_api: PrefectApi, slack: SlackServer
) -> None:
    create_users(database, rows=200)
    settings = slack.settings(prefect_api.settings(database))
    run_flow(email().flow, settings, Caller(actor="ann"), until=Phase.VERIFY)
    [versions] = slack.messages.values()
    assert versions[-1].startswith(f"[done] {MIGRATION_ID} 2.1.0")
    assert versions[-1].endswith(f"\n{link(prefect_api, database)}")
    parameters = {
        "migration": MIGRATION_ID,
        "parameters": {"release": RELEASE, "hurry": HURRY},
    }
    before = len(slack.replies)
    with pytest.raises(AwaitingApproval):
        run_any(later.contract, settings, Caller(actor="bob"), parameters)
    [(thread, text)] = slack.replies[before:]
    assert text.startswith("<!subteam^S0ONCALL1> Approval needed: 2.1.0 of public.users.")
    assert "`pgtide approve 2.1.0 contract --reason TEXT`" in text
    assert text.endswith(f"\nRun: {link(prefect_api, database)}")
    assert slack.messages[thread][-1].startswith(f"[waits for approval] {MIGRATION_ID} 2.1.0")


def test_a_flow_that_a_worker_runs_reads_its_environment(
    database: str,
    prefect_api: PrefectApi,
    slack: SlackServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    create_users(database, rows=200)
    for name, value in environment(slack, database).items():
        monkeypatch.setenv(name, value)
    with temporary_settings({PREFECT_API_URL: prefect_api.url}):
        email().flow(MigrateParameters(until="expand"), return_state=True)
        assert state_of(database) is State.EXPANDED
        [versions] = slack.messages.values()
        assert "\nstaging | " in versions[-1]
        monkeypatch.setenv("PGTIDE_UI_URL", "https://prefect.example.net/")
        # Nobody sits before it: what is refused would go unseen.
        later.contract(MIGRATION_ID, ContractParameters(release="1.0.0"), return_state=True)
    told = slack.replies[-1][1]
    assert told.startswith("<!here> Refused: staging, 2.1.0 of public.users. ")
    assert "\nRun: https://prefect.example.net/runs/flow-run/" in told


def test_down_is_announced_where_prefect_cannot_be_imported(
    tmp_path: Path, database: str, slack: SlackServer
) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration())
    place = Workplace(folder=tmp_path, url=database).without_prefect()
    more = {**environment(slack, database), "PGTIDE_LOG": "json"}
    place = replace(place, extra={**place.extra, **more})
    (place.migrations / EMAIL_FILE).write_text(UNLOADABLE, encoding="utf-8")
    done = place.run("down", "2.1.0", "--yes", "--by", "ann")
    assert done.returncode == 0, done.stderr
    [versions] = slack.messages.values()
    assert versions[-1].startswith(f"[done] {MIGRATION_ID} 2.1.0")
    told = [text for _, text in slack.replies]
    assert [text.split(":")[0].split(" of ")[0] for text in told] == ["rollback", "Undone"]
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert [one["kind"] for one in lines] == ["run_began", "phase_done", "done"]
    assert {one["actor"] for one in lines} == {"ann"}
    assert lines[-1]["state"] == "rolled_back"
    # The lines are the log: no progress display stands between them.
    assert [one for one in done.stderr.splitlines() if "rollback begins" in one] == []
    assert TOKEN not in done.stdout + done.stderr


def test_a_wrong_setting_is_named_and_a_secret_is_not_shown(tmp_path: Path, database: str) -> None:
    wrong = {"PGTIDE_SLACK_TOKEN": TOKEN, "PGTIDE_WEBHOOK": "ftp://x/secret-path"}
    done = Workplace(folder=tmp_path, url=database, extra=wrong).run("status")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert "PGTIDE_WEBHOOK: must begin with http:// or https://" in said
    assert "PGTIDE_SLACK_TOKEN is given without PGTIDE_SLACK_CHANNEL" in said
    assert TOKEN not in said
    assert "secret-path" not in said
