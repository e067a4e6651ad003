"""The later release as a person types it: contract, purge, and the way back."""

from pathlib import Path

import psycopg
import pytest

from pgtide.model.gate import Gate
from tests.command import EMAIL, EMAIL_FILE, UNLOADABLE, Workplace
from tests.later import approve, contract, purge
from tests.prefect_server import prefect_api_url
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID

NOW = ("--now", "--reason", "the fair opens tomorrow")
CONTRACT = ("contract", "2.1.0", "--release", "2.2.0")


@pytest.fixture
def place(tmp_path: Path, verified: str) -> Workplace:
    """Give a folder in which the strategy's migration is verified."""
    extra = {"PREFECT_API_URL": prefect_api_url(), "PGTIDE_BACKUPS": str(tmp_path / "backups")}
    found = Workplace(folder=tmp_path, url=verified, extra=extra)
    (found.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    return found


def waited(place: Workplace, *args: str) -> str:
    """Return what a command waits for, which must change nothing."""
    before = place.status()["state"]
    error = place.json(*args, code=3)["error"]
    assert place.status()["state"] == before
    return str(error["message"])


def waits(place: Workplace) -> list[str]:
    return [one["kind"] for one in place.status()["waiting_for"]]


def phases(status: dict[str, list[dict[str, str]]]) -> dict[str, str]:
    return {one["phase"]: one["state"] for one in status["phases"]}


def refused_without_a_yes(place: Workplace) -> None:
    """The command to repeat can be run as it is printed: without an address that is masked."""
    again = "purge 2.1.0 --now --reason 'the fair opens tomorrow' --json --yes"
    for address in ((), ("--database-url", place.url), (f"--database-url={place.url}",)):
        error = place.json(*address, "purge", "2.1.0", *NOW, code=2)["error"]
        assert "needs a yes" in error["message"]
        assert error["remedy"] == f"Run `pgtide {again}`."


def test_the_whole_way_of_a_later_release(place: Workplace) -> None:
    assert waits(place) == ["gate", "release", "soak"]
    assert "soak" in waited(place, *CONTRACT)
    assert "gate contract" in waited(place, *CONTRACT, *NOW)
    assert place.json("approve", "2.1.0", "contract", "--reason", "2.2.0 is out")["approved"]
    assert waits(place) == ["release", "soak"]
    assert "not before" in place.status()["next"]
    status = place.json(*CONTRACT, *NOW, "--by", "bob")
    assert (status["state"], status["rollback_available"]) == ("contracted", True)
    assert status["backup"]["passed"]
    assert status["rollback_until"] is not None
    assert (phases(status)["contract"], phases(status)["purge"]) == ("done", "pending")

    assert waits(place) == ["gate", "retention"]
    assert "retention" in waited(place, "purge", "2.1.0", "--yes")
    assert "gate reads_switched" in waited(place, "purge", "2.1.0", "--yes", *NOW)
    place.json("approve", "2.1.0", "reads_switched", "--reason", "nobody reads them")
    refused_without_a_yes(place)
    done = place.run("purge", "2.1.0", "--yes", *NOW)
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
    status = place.status()
    assert (status["state"], status["rollback_available"]) == ("completed", False)
    assert phases(status)["purge"] == "done"
    assert "pgtide" not in schema_dump(place.url)
    assert "purge has begun" in place.json("down", "2.1.0", "--yes", code=2)["error"]["message"]

    told = [(line["kind"], line["actor"], line["text"]) for line in place.json("history", "2.1.0")]
    texts = "\n".join(text for _, _, text in told)
    assert (
        "contracted",
        "bob",
        "the new columns have the final names; release 2.2.0 is live",
    ) in told
    assert texts.count("the fair opens tomorrow") == 2
    assert "2.2.0 is out" in texts
    assert "nobody reads them" in texts


def test_a_command_line_that_says_too_little_is_refused(place: Workplace) -> None:
    assert place.run("contract", "2.1.0").returncode == 2
    assert place.run(*CONTRACT, "--now").returncode == 2
    for release in ("2.1.0", "two"):
        error = place.json("contract", "2.1.0", "--release", release, code=2)["error"]
        assert error["code"] == "refused"
        assert release in error["message"]
    assert "is verified" in place.json("purge", "2.1.0", "--yes", code=2)["error"]["message"]
    assert place.status()["state"] == "verified"


def test_triggers_touched_since_verification_are_refused_and_up_mends_them(
    place: Workplace,
) -> None:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users DISABLE TRIGGER USER")
        connection.execute("UPDATE users SET email_verified = NOT email_verified WHERE id = 33")
        connection.execute("ALTER TABLE users ENABLE TRIGGER USER")
    approve(place.url, MIGRATION_ID, Gate.CONTRACT)
    error = place.json(*CONTRACT, *NOW, code=2)["error"]
    assert "cannot be contracted" in error["message"]
    assert "`pgtide up 2.1.0`" in error["remedy"]
    assert place.status()["state"] == "backfilled"
    assert "sweeps" in place.status()["next"]
    assert [one["state"] for one in place.json("up")["migrations"]] == ["verified"]
    approve(place.url, MIGRATION_ID, Gate.CONTRACT)
    assert place.json(*CONTRACT, *NOW)["state"] == "contracted"


def test_up_says_what_goes_on_with_a_contract_that_was_left(place: Workplace) -> None:
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE pgtide.migration SET state = 'failed', resume_to = 'contracting'"
        )
    done = place.run("up")
    assert done.returncode == 0, done.stderr
    assert "is failed, and not for this command" in done.stdout
    assert "`pgtide contract 2.1.0 --release V`" in done.stdout
    assert place.status()["state"] == "failed"


def test_up_says_what_a_migration_waits_for_where_it_has_nothing_to_do(place: Workplace) -> None:
    verified = place.run("up").stdout
    assert "is verified, waiting for the gate contract" in verified
    assert "`pgtide contract 2.1.0 --release V`" in verified
    contract(place.url, MIGRATION_ID)
    contracted = place.run("up").stdout
    assert "is contracted, waiting for the gate reads_switched" in contracted
    assert "`pgtide purge 2.1.0`" in contracted
    purge(place.url, MIGRATION_ID)
    assert "1 migration is completed." in place.run("up").stdout
    assert "Completed" in place.run("resume", "2.1.0").stdout
    (place.migrations / EMAIL_FILE).unlink()
    assert "`pgtide create TEXT --table T`" in place.run("up").stdout


def test_the_way_back_from_contract_needs_the_ledger_alone(place: Workplace) -> None:
    before = schema_dump(place.url)
    contract(place.url, MIGRATION_ID)
    alone = place.without_prefect()
    (alone.migrations / EMAIL_FILE).write_text(UNLOADABLE, encoding="utf-8")
    assert alone.status()["state"] == "contracted"
    refused = alone.run("down", "2.1.0", "--to", "verified")
    assert refused.returncode == 2
    assert "--to verified --yes" in refused.stderr
    assert alone.json("down", "2.1.0", "--to", "verified", "--yes")["state"] == "verified"
    assert schema_dump(place.url) == before
    assert phases(alone.status())["contract"] == "pending"
    error = alone.json("down", "2.1.0", "--to", "verified", "--yes", code=2)["error"]
    assert "no contract to undo" in error["message"]
    assert "undone since" in alone.json(*CONTRACT, *NOW, code=3)["error"]["message"]
    approve(place.url, MIGRATION_ID, Gate.CONTRACT)
    assert "Prefect" in alone.json(*CONTRACT, *NOW, code=2)["error"]["message"]
    contract(place.url, MIGRATION_ID)
    undone = alone.run("down", "2.1.0", "--yes")
    assert undone.returncode == 0, undone.stderr
    assert "old shape again" in undone.stdout
    assert alone.status()["state"] == "rolled_back"
    assert "taken back: contract.shape" in alone.run("history", "2.1.0").stdout


def test_purge_without_a_backup_wants_its_flag_and_a_reason(place: Workplace) -> None:
    contract(place.url, MIGRATION_ID)
    approve(place.url, MIGRATION_ID, Gate.READS_SWITCHED)
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("UPDATE pgtide.backup SET removed_at = now()")
    ask = ("purge", "2.1.0", "--yes")
    # A reason not to wait is none to go without a backup.
    error = place.json(*ask, *NOW, code=2)["error"]
    assert "no whole backup has its old columns" in error["message"]
    assert "`pgtide backup 2.1.0`" in error["remedy"]
    assert "--reason" in place.run(*ask, "--without-backup").stderr
    assert place.status()["state"] == "contracted"
    assert place.json(*ask, *NOW, "--without-backup")["state"] == "completed"
    assert f"purged without a backup: {NOW[-1]}" in place.run("history", "2.1.0").stdout
