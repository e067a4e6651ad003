"""What `plan` expects of a migration, and `up` that begins no more than there is room for."""

from dataclasses import replace
from pathlib import Path

from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.driving import migrate
from tests.prefect_server import prefect_api_url
from tests.users import MIGRATION_ID, create_users, email_migration


def test_up_begins_what_may_not_fit_only_with_a_yes(tmp_path: Path, database: str) -> None:
    create_users(database, rows=2_000)
    tight = {"PREFECT_API_URL": prefect_api_url(), "PGTIDE_DISK_FREE_MB": "0.5"}
    place = Workplace(folder=tmp_path, url=database, extra=tight)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")

    warned = place.json("plan")[0]["warnings"]
    assert len([one for one in warned if "will want --yes: it may need" in one]) == 1
    error = place.json("up", "--until", "expand", code=2)["error"]
    assert "of the server's disk" in error["message"]
    assert "PGTIDE_DISK_FREE_MB" in error["message"]
    assert place.status()["state"] == "planned"

    assert place.run("up", "--until", "expand", "--yes").returncode == 0
    assert place.status()["state"] == "expanded"
    assert "begun all the same: it may need" in place.run("history", "2.1.0").stdout


def test_the_plan_says_in_words_what_to_expect_until_it_has_begun(
    tmp_path: Path, database: str
) -> None:
    create_users(database, rows=2_000)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    text = " ".join(place.run("plan").stdout.split())
    assert "It is expected to write 1,733 rows in " in text
    assert "all 2,000 rows were copied, filled and indexed in a temporary table" in text
    assert "seen on this machine" in text
    assert "of backup" not in text
    backed_up = replace(place, extra={"PGTIDE_BACKUP_FIRST": "1", "PGTIDE_DISK_FREE_MB": "9000"})
    text = " ".join(backed_up.run("plan").stdout.split())
    assert "take a backup of " in text
    assert "9.0 GB are free (PGTIDE_DISK_FREE_MB)" in text
    migrate(database, email_migration())
    assert place.json("plan", MIGRATION_ID)[0]["estimate"] is None
