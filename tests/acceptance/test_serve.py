"""`pgtide serve`: it stands, runs what is asked for over Prefect's API, and ends with all of it."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import psycopg
import pytest

from flows.service.part import Part
from pgtide.postgres.embedded import Server, persistent_url
from pgtide.postgres.embedded.process import started
from tests.command import EMAIL, Workplace
from tests.server import fresh_database
from tests.serving import Serving, kill, serving, told
from tests.users import MIGRATION_ID, create_users

NIGHTLY_ID = "20260202_000000_nightly"
NIGHTLY = """
from flows import migration_flow
from pgtide import AddColumn, Migration, Window

migration = Migration(
    version="3.0.0",
    description="A note, by night",
    table="public.users",
    changes=[AddColumn("note", type="text")],
    contract_release="3.1.0",
    window=Window("01:00-05:00", zone="Europe/Berlin"),
)
flow = migration_flow(migration)
"""
BROKEN_ID = "20260303_000000_broken"
BROKEN = "from flows import migration_flow\n\nmigration = Migratoin()\n"
ROWS = "3000"


def write(place: Workplace, name: str, text: str) -> None:
    (place.migrations / f"{name}.py").write_text(text, encoding="utf-8")


def page(port: int) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/v2/deployments", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def users(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM public.users").fetchone()
    assert found is not None
    return int(found[0])


def switch_off(one: Serving, name: str) -> None:
    deployment = one.deployments()[name]
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    one.api.ask("PATCH", path, {"active": False})


def later(name: str) -> set[str]:
    return {f"{flow}/{name}" for flow in ("contract", "purge", "rollback")}


NIGHTS = {f"{NIGHTLY_ID}/migrate", f"{NIGHTLY_ID}/off-peak", *later(NIGHTLY_ID)}
SERVED = {f"{MIGRATION_ID}/migrate", *later(MIGRATION_ID), *NIGHTS}


@contextmanager
def started_here(one: Serving) -> Iterator[subprocess.Popen[str]]:
    """Serve in the foreground; a test that fails does not wait for the end."""
    with one.place.start("serve", "--rows", ROWS, "--json") as working:
        try:
            yield working
        except BaseException:
            working.kill()
            raise


def in_the_foreground(one: Serving) -> str:
    """Serve until Ctrl-C, the embedded server for both databases; return a run's id."""
    with started_here(one) as working:
        said = told(working.stdout)
        assert said["url"] == f"http://127.0.0.1:{one.port}"
        assert said["migrations"] == [MIGRATION_ID, NIGHTLY_ID]
        (error,) = said["errors"]
        assert f"{BROKEN_ID}.py:3: NameError" in error
        status, text = page(one.port)
        assert (status, "<title>" in text) == (200, True)
        assert set(one.deployments()) == SERVED
        url = persistent_url(one.home.postgres)
        assert url is not None
        assert users(url) == int(ROWS)
        run = what_is_asked_for_is_done(one)
        switch_off(one, f"{NIGHTLY_ID}/off-peak")
        parts = one.record.parts
        working.send_signal(signal.SIGINT)
        assert working.wait(60) == 0
    gone(one, parts)
    return run


def what_is_asked_for_is_done(one: Serving) -> str:
    rehearsed = one.ended(one.trigger(f"{MIGRATION_ID}/migrate", {"dry_run": True}))
    assert rehearsed["state_name"] == "DryRun"
    assert rehearsed["name"] == "email_verification_v2 dry run"
    assert one.place.json("status")[0]["state"] == "planned"
    run = one.trigger(f"{MIGRATION_ID}/migrate", {"until": "expand"})
    assert one.ended(run)["state_name"] == "Completed"
    assert one.place.json("status")[0]["state"] == "expanded"
    return run


def gone(one: Serving, parts: Sequence[Part]) -> None:
    assert {part.name for part in parts} == {"Prefect server", "runner"}
    assert [part.name for part in parts if part.alive] == []
    assert persistent_url(one.home.postgres) is None
    assert not one.home.record.exists()


def as_it_was(one: Serving, run: str) -> None:
    """Start it again, detached: a broken file is said, with a refusal's exit code."""
    refused = one.place.json("serve", "--detach", code=2)
    assert f"{BROKEN_ID}.py:3: NameError" in refused["error"]["message"]
    again = one.deployments()
    assert set(again) == SERVED
    (schedule,) = again[f"{NIGHTLY_ID}/off-peak"]["schedules"]
    assert schedule["active"] is False
    assert {deployment["paused"] for deployment in again.values()} == {False}
    assert one.api.flow_run(run)["state_name"] == "Completed"


def test_it_stands_until_it_is_ended_and_stands_again_as_it_was(tmp_path: Path) -> None:
    with serving(tmp_path, "") as one:
        place = one.place
        write(place, MIGRATION_ID, EMAIL)
        write(place, NIGHTLY_ID, NIGHTLY)
        write(place, BROKEN_ID, BROKEN)
        as_it_was(one, in_the_foreground(one))

        # The files are followed: a mended one is served, a removed one is not.
        write(place, BROKEN_ID, NIGHTLY.replace("3.", "4."))
        (place.migrations / f"{NIGHTLY_ID}.py").unlink()
        mended = place.json("serve", "--detach")
        assert (mended["migrations"], mended["errors"]) == ([MIGRATION_ID, BROKEN_ID], [])
        assert f"{BROKEN_ID}/off-peak" in one.deployments()
        assert f"{NIGHTLY_ID}/off-peak" not in one.deployments()

        parts = one.record.parts
        assert place.json("serve", "--stop") == {"stopped": True}
        gone(one, parts)
        assert place.json("serve", "--stop") == {"stopped": False}


def filled(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT coalesce(sum(rows), 0)::int FROM pgtide.slice")
        row = found.fetchone()
    assert row is not None
    return int(row[0])


def test_whatever_is_killed_the_run_goes_on(server: Server, tmp_path: Path) -> None:
    with ExitStack() as stack:
        target, own = (stack.enter_context(fresh_database(server)) for _ in range(2))
        create_users(target, rows=20_000)
        one = stack.enter_context(serving(tmp_path, target, PGTIDE_PREFECT_DATABASE_URL=own))
        write(one.place, MIGRATION_ID, EMAIL)
        one.place.json("serve", "--detach")
        slowly = {"duty": 0.05, "workers": 1}
        run = one.trigger(f"{MIGRATION_ID}/migrate", slowly)

        def more(than: int) -> int:
            return int(one.until(lambda: filled(target), lambda rows: rows > than))

        one.place.wait_for(lambda status: status.state == "backfilling")
        rows = more(0)

        kill(one.part("Prefect server"))
        rows = more(rows)
        kill(one.part("runner"))
        rows = more(rows)

        # All of it at once, as a reboot would: nothing is left, and the next start goes on.
        parts, owner = one.record.parts, one.record.owner
        kill(owner)
        one.until(lambda: [p for p in parts if p.alive], lambda left: not left)
        rows = filled(target)
        one.place.json("serve", "--detach")
        assert started(owner.pid) is None
        more(rows)
        one.place.json("throttle", MIGRATION_ID, "--duty", "1")
        ended = one.ended(run)
        assert ended["state_name"] == "Completed"
        assert one.place.status()["state"] == "verified"
        # Nobody filled a row that was filled before.
        assert filled(target) == 20_000
        assert one.place.json("serve", "--stop") == {"stopped": True}
        assert not one.home.record.exists()


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"PORT": "{port}"}, "is taken by another program"),
        ({"PORT": "99999"}, "PORT='99999'"),
        ({"DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/x"}, "does not let us in"),
        ({"PGTIDE_PREFECT_DATABASE_URL": "mysql://x:secret@127.0.0.1/x"}, "it is no address"),
        ({"PGTIDE_PREFECT_DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/x"}, "not let us in"),
        ({"PGTIDE_MIGRATIONS": "nowhere"}, "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_sentence(
    tmp_path: Path, server: Server, database: str, setting: dict[str, str], said: str
) -> None:
    extra = {name: text.format(port=server.port) for name, text in setting.items()}
    own = {"PGTIDE_PREFECT_DATABASE_URL": database, **extra}
    with serving(tmp_path, database, **own) as one:
        write(one.place, MIGRATION_ID, EMAIL)
        told = one.place.json("serve", code=2)["error"]
        assert said in told["message"]
        assert "secret" not in str(told)
        assert not one.home.record.exists()
