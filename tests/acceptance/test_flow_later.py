"""Contract, purge and rollback as flows for any migration, by its id: how they end, what shows."""

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from flows import later
from flows.run import run_any
from pgtide import Performance
from pgtide.errors import AwaitingApproval, Refused, Waiting
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.state import State
from tests.acceptance.flow_records import runs, state_of
from tests.driving import migrate
from tests.later import HURRY, RELEASE, approve, contract
from tests.prefect_server import PrefectApi, prefect_api
from tests.small_table import run as sql
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["prefect_api"]

GIVEN = {"release": RELEASE, "hurry": HURRY}


@pytest.fixture(autouse=True)
def here(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of the test's own: contract leaves its backups in it."""
    monkeypatch.chdir(tmp_path_factory.mktemp("work"))


def run(api: PrefectApi, url: str, name: str, parameters: Mapping[str, object]) -> None:
    given = {"migration": MIGRATION_ID, "parameters": parameters}
    run_any(getattr(later, name), api.settings(url), Caller(actor="bob"), given)


def shown(api: PrefectApi, url: str) -> tuple[str, str]:
    """Return name and state of the newest flow run, as Prefect has them."""
    found = api.flow_run(runs(url)[-1]["flow_run_id"])
    return found["name"], found["state"]["type"]


def test_a_later_release_and_the_ways_back_run_as_flows(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=200)
    migrate(database, email_migration())
    for to, state in (("verified", State.VERIFIED), ("start", State.ROLLED_BACK)):
        approve(database, MIGRATION_ID, Gate.CONTRACT)
        run(prefect_api, database, "contract", GIVEN)
        assert state_of(database) is State.CONTRACTED
        assert shown(prefect_api, database) == (f"contract {MIGRATION_ID}", "COMPLETED")
        run(prefect_api, database, "rollback", {"to": to})
        assert state_of(database) is state
        assert shown(prefect_api, database) == (f"rollback {MIGRATION_ID}", "COMPLETED")
    migrate(database, email_migration())
    approve(database, MIGRATION_ID, Gate.CONTRACT)
    run(prefect_api, database, "contract", GIVEN)
    approve(database, MIGRATION_ID, Gate.READS_SWITCHED)
    run(prefect_api, database, "purge", {"hurry": HURRY})
    assert state_of(database) is State.COMPLETED
    assert shown(prefect_api, database) == (f"purge {MIGRATION_ID}", "COMPLETED")


def test_a_reason_of_blanks_is_none(database: str, prefect_api: PrefectApi) -> None:
    create_users(database, rows=50)
    migrate(database, email_migration())
    contract(database, MIGRATION_ID)
    approve(database, MIGRATION_ID, Gate.READS_SWITCHED)
    with pytest.raises(Waiting, match="retention"):
        run(prefect_api, database, "purge", {"hurry": " "})
    sql(database, "UPDATE pgtide.backup SET removed_at = now()")
    with pytest.raises(Refused, match="no whole backup"):
        run(prefect_api, database, "purge", {"hurry": HURRY, "without_backup": "\t "})
    assert state_of(database) is State.CONTRACTED


def test_a_gate_ends_the_flow_and_a_refusal_fails_it(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=50)
    migrate(database, email_migration())
    with pytest.raises(AwaitingApproval):
        run(prefect_api, database, "contract", GIVEN)
    assert shown(prefect_api, database)[1] == "COMPLETED"
    with pytest.raises(Refused, match="contract belongs to"):
        run(prefect_api, database, "contract", {"release": "2.1.0"})
    assert shown(prefect_api, database)[1] == "FAILED"
    with pytest.raises(Refused, match="has not begun"):
        run_any(
            later.purge,
            prefect_api.settings(database),
            Caller(actor="bob"),
            {"migration": "20200101_000000_none", "parameters": {}},
        )
    assert state_of(database) is State.VERIFIED


def test_what_queries_take_after_contract_is_pinned_up(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=200)
    query = "SELECT id FROM public.users WHERE id = 3"
    migrate(database, replace(email_migration(), verify=[Performance(query)]))
    approve(database, MIGRATION_ID, Gate.CONTRACT)
    run(prefect_api, database, "contract", GIVEN)
    found = {
        one["key"]: one["data"] for one in prefect_api.artifacts(runs(database)[-1]["flow_run_id"])
    }
    suffix = "20251231-120000-email-verification-v2"
    assert set(found) == {f"performance-{suffix}", f"summary-{suffix}"}
    (row,) = json.loads(found[f"performance-{suffix}"])
    assert (row["query"], row["measured"]) == (query, "after contract")
    assert "Waiting: the gate reads_switched" in found[f"summary-{suffix}"]
    assert "Waiting: the end of its retention" in found[f"summary-{suffix}"]
