"""`up` stops at a gate and says what to type; `approve` decides, for those who may."""

from pathlib import Path

import psycopg
import pytest

from tests.command import EMAIL_FILE, Workplace
from tests.prefect_server import prefect_api_url
from tests.users import MIGRATION_ID, create_users

DUAL_FILE = '''"""Email verification moves to v2 columns; the application writes both."""

from flows import migration_flow
from tests.approving import dual_writing

migration = dual_writing()
flow = migration_flow(migration)
'''
BOTH = ("2.1.0", "dual_write_deployed", "--reason", "release 2.1 is out")
IN_PREFECT = "A run that waits for it in Prefect hears of it within minutes."
CONTRACT = ("2.1.0", "contract", "--reason", "release 2.2 is live")


def place_of(folder: Path, url: str, **extra: str) -> Workplace:
    return Workplace(folder=folder, url=url, extra={"PGTIDE_BACKUP_FIRST": "0", **extra})


def test_up_waits_at_the_gate_and_goes_on_after_approval(tmp_path: Path, database: str) -> None:
    create_users(database, rows=500)
    place = place_of(tmp_path, database, PREFECT_API_URL=prefect_api_url())
    (place.migrations / EMAIL_FILE).write_text(DUAL_FILE, encoding="utf-8")
    (planned,) = place.json("plan")
    assert [line.split()[0] for line in planned["waits"]] == ["backfill", "contract", "purge"]
    assert "pgtide approve 2.1.0 dual_write_deployed" in place.run("plan").stdout

    for _ in range(2):
        waiting = place.run("up", "--by", "ann")
        assert waiting.returncode == 3, waiting.stderr
        said = " ".join(waiting.stderr.split())
        assert "`pgtide approve 2.1.0 dual_write_deployed --reason TEXT`" in said
        found = place.status()
        assert found["state"] == "expanded"
        assert found["waiting_for"][0]["text"].startswith("the gate dual_write_deployed: ")
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("UPDATE users SET email_verified = false WHERE id IN (3, 18)")
    error = place.json("up", "--by", "ann", code=3)["error"]
    assert error["code"] == "waiting"
    assert "dual_write_deployed" in error["message"]

    done = place.run("approve", *BOTH, "--by", "bob")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "the gate dual_write_deployed is approved by bob, typed by " in said
    assert "2 writes since expand wrote one shape only, none of them in the 1.0 s" in said
    assert IN_PREFECT in said
    shown = place.run("status").stdout
    assert "2 writes wrote one shape only" in shown
    assert "dual_write_deployed: bob approved it: release 2.1 is out" in " ".join(shown.split())
    assert place.json("up")["migrations"][0]["state"] == "verified"


@pytest.fixture
def place(tmp_path: Path, verified: str) -> Workplace:
    """A place with a verified migration that `tester` had started."""
    return place_of(tmp_path, verified)


def test_four_eyes(place: Workplace) -> None:
    strict = place_of(place.folder, place.url, PGTIDE_FOUR_EYES="1", PGTIDE_ACTOR="Tester")
    error = strict.json("approve", *CONTRACT, code=2)["error"]
    assert "tester has started" in error["message"]
    assert "Somebody else" in error["remedy"]
    assert strict.json("approve", *CONTRACT, "--by", "bob", code=2)["error"]["code"] == "refused"
    second = place_of(place.folder, place.url, PGTIDE_FOUR_EYES="1", PGTIDE_ACTOR="bob")
    given = second.json("approve", *CONTRACT)
    assert (given["actor"], given["typed_by"]) == ("bob", "bob")
    assert "@" in given["account"]
    assert strict.status()["gates"][0]["verdict"] == "approved"
    # Given where nobody asked for four eyes, it does not count where somebody does.
    place.json("approve", *CONTRACT, "--by", "tester")
    assert place.status()["gates"][0]["verdict"] == "approved"
    assert strict.status()["gates"][0]["verdict"] == "alone"


def test_rejecting_withdraws(place: Workplace) -> None:
    place.json("approve", *CONTRACT, "--by", "bob")
    assert "gate" not in {one["kind"] for one in place.status()["waiting_for"]}
    said = place.run("approve", "email", "contract", "--reject", "--reason", "no", "--by", "carol")
    assert said.returncode == 0
    assert "the gate contract is rejected by carol" in said.stdout
    # Nobody here has a Prefect.
    assert "Prefect" not in said.stdout
    found = place.status()
    assert found["gates"][0]["verdict"] == "rejected"
    assert "carol rejected it: no" in found["waiting_for"][0]["text"]
    assert [line["kind"] for line in place.json("history", "2.1.0")][-2:] == [
        "approved",
        "rejected",
    ]


def test_an_approval_goes_stale_with_its_verification(place: Workplace) -> None:
    place.json("approve", *CONTRACT, "--by", "bob")
    place.json("verify", "2.1.0")
    assert place.status()["gates"][0]["verdict"] == "approved"
    with psycopg.connect(place.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE users DISABLE TRIGGER USER")
        connection.execute("ALTER TABLE users ENABLE TRIGGER USER")
    place.json("verify", "2.1.0", code=4)
    found = place.status()
    assert (found["state"], found["gates"][0]["verdict"]) == ("backfilled", "stale")
    error = place.json("approve", *CONTRACT, code=2)["error"]
    assert "contract is decided while it is" in error["message"]
    assert error["state"] == "Nothing was decided."


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2.1.0", "purge", "--reason", "x"), "purge"),
        (("2.1.0", "contract"), "--reason"),
        (("2.1.0", "contract", "--reason", " "), "needs a reason"),
        (("2.1.0", "reads_switched", "--reason", "x"), "reads_switched is decided while"),
        (("2.1.0", "dual_write_deployed", "--reason", "x"), "has no gate dual_write_deployed"),
        (("9.9.9", "contract", "--reason", "x"), "There is no migration '9.9.9'"),
    ],
)
def test_what_cannot_be_decided_is_refused(
    place: Workplace, words: tuple[str, ...], says: str
) -> None:
    done = place.run("approve", *words)
    assert done.returncode == 2
    assert says in " ".join(done.stderr.split())
    assert place.status()["gates"][0]["verdict"] == "open"
    assert MIGRATION_ID not in done.stdout
