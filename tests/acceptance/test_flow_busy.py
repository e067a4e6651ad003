"""A run that is started while another works: it names who that is, changes nothing, and ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pgtide.ledger.run import Caller, Run, holding
from pgtide.model.state import Phase, State
from tests.acceptance.flow_records import email, runs, state_of
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.deployed import deployed, everything
from tests.driving import migrate, settings_for
from tests.prefect_server import PrefectApi, prefect_api, prefect_api_url
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["prefect_api"]


@contextmanager
def at_work(url: str) -> Iterator[Run]:
    """Hold an expanded migration, as a run at work does."""
    create_users(url, rows=100)
    record = migrate(url, email_migration(), until=Phase.EXPAND)
    with holding(settings_for(url), Caller(actor="ann", heeds_hold=False), record) as run:
        yield run


def test_a_rollback_that_meets_a_run_at_work_fails_and_names_it(
    database: str, prefect_api: PrefectApi
) -> None:
    """Who wants a migration back must not take a run that ended well for one that took it back."""
    with at_work(database), deployed(prefect_api, everything(email()), database) as made:
        before = runs(database)
        met = made.run(f"rollback/{MIGRATION_ID}", {"to": "start"})
        assert (met["type"], met["name"]) == ("FAILED", "Failed")
        holder = f"is held by run {before[-1]['id']} of {MIGRATION_ID} by ann on"
        assert holder in met["message"]
        assert "nothing was changed" in met["message"]
        assert state_of(database) is State.EXPANDED
        assert len(runs(database)) == len(before)
        # Whoever only goes on has nothing to do: somebody is at it.
        beside = made.run(f"{MIGRATION_ID}/migrate")
        assert (beside["type"], beside["name"]) == ("COMPLETED", "Busy")
        assert holder in beside["message"]


def test_up_beside_a_run_at_work_names_it_and_changes_nothing(
    tmp_path: Path, database: str
) -> None:
    extra = {"PREFECT_API_URL": prefect_api_url(), "PGTIDE_BACKUP_FIRST": "0"}
    place = Workplace(folder=tmp_path, url=database, extra=extra)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    # A Job's process is told that waiting is no failure, and this is no waiting.
    pod = Workplace(folder=tmp_path, url=database, extra={**extra, "PGTIDE_WAITING_OK": "1"})
    with at_work(database):
        (holder,) = {one["id"] for one in runs(database) if one["ended_at"] is None}
        for one in (place, pod):
            done = one.run("up", MIGRATION_ID, "--keep-undone", "--by", "bob")
            said = " ".join(done.stderr.split())
            assert done.returncode == 2, said
            assert f"is held by run {holder} of {MIGRATION_ID} by ann on" in said
            assert "nothing was changed by this command" in said
            assert "Let it work" in said
            assert "Traceback" not in done.stderr
        assert place.json("up", code=2)["error"]["code"] == "busy"
        assert state_of(database) is State.EXPANDED
        assert [one["id"] for one in runs(database) if one["ended_at"] is None] == [holder]
    # It was in nobody's way, and nobody is in its own afterwards.
    assert place.run("up").returncode == 0
    assert state_of(database) is State.VERIFIED
