"""What an on-call engineer needs when no Prefect is there: the ledger alone is enough."""

import re
from pathlib import Path

import psycopg
import pytest

from pgtide.errors import AwaitingApproval
from pgtide.ledger.control import held
from pgtide.model.state import Phase, State
from pgtide.postgres.session import connect
from tests.approving import dual_writing
from tests.backed_up import empty_database
from tests.command import EMAIL_FILE, UNLOADABLE, Workplace
from tests.driving import migrate, record_of
from tests.users import MIGRATION_ID, create_users, email_migration


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    """Give a migration whose file must not be loaded, where Prefect cannot be imported."""
    create_users(database, rows=2_000)
    found = Workplace(folder=tmp_path, url=database).without_prefect()
    (found.migrations / EMAIL_FILE).write_text(UNLOADABLE, encoding="utf-8")
    return found


@pytest.mark.untouched
def test_status_history_pause_verify_and_down_need_the_ledger_alone(
    place: Workplace, database: str
) -> None:
    assert place.status()["state"] == "planned"
    migrate(database, email_migration())
    found = place.status()
    assert (found["state"], found["percent"]) == ("verified", 100.0)
    (filled,) = (one["rows"] for one in found["phases"] if one["phase"] == "backfill")
    assert found["rows_done"] == filled
    kinds = [line["kind"] for line in place.json("history", "2.1.0")]
    assert kinds[0] == "run_began"
    assert "verified" in kinds

    assert place.json("verify", "email")["verification"]["mismatches"] == 0
    held_now = place.json("pause", "2.1.0", "--reason", "rush hour", "--by", "ann")
    assert held_now == {"id": MIGRATION_ID, "held": True, "state": "verified", "at_work": None}
    assert place.status()["waiting_for"][0] == {
        "kind": "hold",
        "text": "operator ann holds it: rush hour",
        "until": None,
    }

    undone = place.json("down", MIGRATION_ID, "--yes")
    assert undone["archived_rows"] > 0
    assert place.status()["state"] == "rolled_back"
    with connect(database, purpose="test") as session:
        hold = held(session, MIGRATION_ID)
    assert hold is not None, "the undo must not end a hold of the operator's"
    assert hold.by == "ann"


def test_approve_needs_the_ledger_alone(place: Workplace, database: str) -> None:
    with pytest.raises(AwaitingApproval):
        migrate(database, dual_writing())
    given = place.json(
        "approve", "2.1.0", "dual_write_deployed", "--by", "ann", "--reason", "release 2.1 is out"
    )
    assert given["approved"]
    assert (given["gate"], given["actor"]) == ("dual_write_deployed", "ann")
    assert given["mended"]["rose_by"] == 0
    assert "pgtide up 2.1.0" in given["next"]
    assert place.status()["waiting_for"] == []
    kinds = [(line["kind"], line["actor"]) for line in place.json("history", "2.1.0")]
    assert kinds[-1] == ("approved", "ann")
    assert migrate(database, dual_writing()).state is State.VERIFIED


def test_backup_and_restore_need_the_ledger_alone(place: Workplace, database: str) -> None:
    migrate(database, email_migration())
    taken = place.json("backup", "email", "--by", "ann")
    assert (taken["rows"], taken["table"]) == (2_000, "public.users")
    with empty_database(database, "restored_by_command") as name:
        assert place.json("restore", "2.1.0", "--into", name)["rows"] == 2_000
        error = place.json("restore", "2.1.0", "--into", name, code=2)["error"]
        assert "not empty" in error["message"]
        address = psycopg.conninfo.make_conninfo(database, dbname=name)
        with psycopg.connect(address) as connection:
            assert connection.execute("SELECT count(*) FROM users").fetchone() == (2_000,)
    shown = place.run("status", "2.1.0")
    assert re.search(r"backup +\d.* ago, 2,000 rows, .*restored on trial in", shown.stdout)
    said = place.run("backup", "2.1.0")
    parts = re.findall(r"  (\w+) done in", said.stderr)
    assert parts == ["schema", "data", "reading", "restoring", "comparing"]
    assert "the same rows came back" in said.stdout
    kinds = [(line["kind"], line["actor"]) for line in place.json("history", "2.1.0")]
    assert ("backup_passed", "ann") in kinds


def test_resume_releases_the_hold_and_says_what_to_run_where_the_flow_cannot(
    place: Workplace, database: str
) -> None:
    migrate(database, email_migration(), until=Phase.EXPAND)
    place.json("pause", "2.1.0", "--reason", "rush hour")
    error = place.json("resume", "2.1.0", code=2)["error"]
    assert "Prefect" in error["message"]
    assert "released" in error["state"]
    assert f"pgtide up {MIGRATION_ID}" in error["remedy"]
    assert place.status()["waiting_for"] == []


def test_the_prefect_block_is_one(place: Workplace) -> None:
    error = place.json("plan", code=2)["error"]
    assert "Prefect cannot be imported" in error["message"]


def test_down_asks_before_it_undoes(place: Workplace, database: str) -> None:
    migrate(database, email_migration(), until=Phase.EXPAND)
    error = place.json("down", "2.1.0", code=2)["error"]
    assert "--yes" in error["remedy"]
    refused = place.run("down", "2.1.0")
    assert refused.returncode == 2
    assert "needs a yes" in refused.stderr
    assert record_of(database, MIGRATION_ID).state is State.EXPANDED


def test_down_says_what_of_others_goes_along(place: Workplace, database: str) -> None:
    migrate(database, email_migration(), until=Phase.EXPAND)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE INDEX late ON users (verified_at)")
    going = (
        "- With its column goes index public.late: CREATE INDEX CONCURRENTLY late ON public.users"
    )
    assert going in " ".join(place.run("down", "2.1.0", "--yes").stderr.split())


def test_verify_finds_a_corrupted_row_and_withdraws(place: Workplace, database: str) -> None:
    migrate(database, email_migration())
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("ALTER TABLE users DISABLE TRIGGER USER")
        connection.execute(
            "UPDATE users SET email_verified_v2 = NOT email_verified_v2 WHERE id = 33"
        )
        connection.execute("ALTER TABLE users ENABLE TRIGGER USER")
    found = place.json("verify", "2.1.0", code=4)
    assert found["error"]["code"] == "mismatched"
    assert [row["key"] for row in found["verification"]["sample"]][:1] == [{"id": 33}]
    assert place.status()["state"] == "backfilled"
    assert "sweeps" in place.status()["next"]
