"""`pgtide serve`: it stands, runs what is asked for over Prefect's API, and ends with all of it."""

import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from flows.service.part import Part
from flows.service.runner import DRAIN_SECONDS
from pgtide.postgres.embedded import Server, persistent_url
from pgtide.postgres.embedded.process import members
from tests.command import EMAIL, Workplace
from tests.serving import Serving, kill, serving, told
from tests.users import MIGRATION_ID

pytestmark = pytest.mark.long

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
GATED_ID = "20260404_000000_gated"
GATED = """
from flows import migration_flow
from pgtide import Migration, ReplaceColumn

migration = Migration(
    version="5.0.0",
    description="A wider number",
    table="public.gated",
    changes=[ReplaceColumn("number", interim="wider", type="integer")],
    contract_release="5.1.0",
    dual_write="application",
)
flow = migration_flow(migration)
"""
BROKEN_ID = "20260303_000000_broken"
BROKEN = "from flows import migration_flow\n\nmigration = Migratoin()\n"
ROWS = 60_000
# Batches of a block or two, and mostly at rest: about a minute's work, whatever the machine.
SLOWLY = {"PGTIDE_BATCH_MS": "1"}
SLOW = {"duty": 0.05, "workers": 1}


def write(place: Workplace, name: str, text: str) -> None:
    (place.migrations / f"{name}.py").write_text(text, encoding="utf-8")


def page(port: int) -> tuple[int, str]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", "/v2/deployments", headers={"Accept": "text/html"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def switch_off(one: Serving, name: str) -> None:
    deployment = one.deployments()[name]
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    one.api.ask("PATCH", path, {"active": False})


def later(name: str) -> set[str]:
    return {f"{flow}/{name}" for flow in ("contract", "purge", "rollback")}


NIGHTS = {f"{NIGHTLY_ID}/migrate", f"{NIGHTLY_ID}/off-peak", *later(NIGHTLY_ID)}
ALL = {"resume/all", "reaper/all", "purge-due/all"}
GATE = f"{GATED_ID}/migrate"
SERVED = {
    *(f"{MIGRATION_ID}/migrate", GATE),
    *(each for name in (MIGRATION_ID, GATED_ID) for each in later(name)),
    *NIGHTS,
    *ALL,
}
MIGRATE = f"{MIGRATION_ID}/migrate"


@contextmanager
def started_here(one: Serving) -> Iterator[subprocess.Popen[str]]:
    """Serve in the foreground; a test that fails does not wait for the end."""
    with one.place.start("serve", "--rows", str(ROWS), "--json") as working:
        try:
            yield working
        except BaseException:
            working.kill()
            raise


def url_of(one: Serving) -> str:
    url = persistent_url(one.home.postgres)
    assert url is not None
    return url


def filled(one: Serving) -> int:
    """Return how many rows the ledger has as filled."""
    return number(
        one,
        "SELECT coalesce(sum(s.rows), 0)::int FROM pgtide.slice s JOIN pgtide.migration m"
        " ON m.id = s.migration_id WHERE m.version = '2.1.0'",
    )


def answering(one: Serving) -> bool:
    try:
        return page(one.port)[0] == 200
    except OSError:
        return False


def number(one: Serving, sql: LiteralString) -> int:
    with psycopg.connect(url_of(one)) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def begun(one: Serving) -> bool:
    return number(one, "SELECT count(to_regclass('pgtide.slice'))") == 1 and filled(one) > 0


def more(one: Serving) -> None:
    """Wait until more rows are filled than are now."""
    before = filled(one)
    one.until(lambda: filled(one), lambda rows: rows > before)


def gone(one: Serving, parts: Sequence[Part]) -> None:
    assert {part.name for part in parts} == {"Prefect server", "runner"}
    assert [part.name for part in parts if part.alive] == []
    assert persistent_url(one.home.postgres) is None
    assert not one.home.record.exists()


def in_the_foreground(one: Serving) -> str:
    """Serve until Ctrl-C, with a run at work; return its id."""
    with started_here(one) as working:
        said = told(working.stdout)
        assert said["url"] == f"http://127.0.0.1:{one.port}"
        assert said["migrations"] == [MIGRATION_ID, NIGHTLY_ID, GATED_ID]
        assert [f"{BROKEN_ID}.py:3: NameError" in error for error in said["errors"]] == [True]
        status, text = page(one.port)
        assert (status, "<title>" in text) == (200, True)
        assert set(one.deployments()) == SERVED
        # Not where all on this machine keep it: nobody else's is in the way.
        assert list(one.home.runner.glob("runner_storage/*"))
        assert number(one, "SELECT count(*) FROM public.users") == ROWS
        switch_off(one, f"{NIGHTLY_ID}/off-peak")

        run = one.trigger(MIGRATE, SLOW)
        one.until(lambda: begun(one), bool)
        worker = number(one, "SELECT max(id) FROM pgtide.run")
        killed_alone(one, "Prefect server")
        one.until(lambda: answering(one), bool)
        more(one)
        # It does not need the server, and goes on undisturbed.
        assert number(one, "SELECT max(id) FROM pgtide.run") == worker
        killed_alone(one, "runner")
        more(one)
        parts = one.record.parts
        working.send_signal(signal.SIGINT)
        assert working.wait(60) == 0
    gone(one, parts)
    return run


def as_it_was(one: Serving) -> None:
    """Start it again, detached: a broken file is said, with a refusal's exit code."""
    refused = one.place.json("serve", "--detach", code=2)
    assert f"{BROKEN_ID}.py:3: NameError" in refused["error"]["message"]
    again = one.deployments()
    assert set(again) == SERVED
    (schedule,) = again[f"{NIGHTLY_ID}/off-peak"]["schedules"]
    assert schedule["active"] is False
    assert {deployment["paused"] for deployment in again.values()} == {False}


def killed_alone(one: Serving, name: str) -> None:
    """Kill a part, and wait until there is another in its place."""
    dead = one.part(name)
    kill(dead)
    one.until(
        lambda: [part for part in one.record.parts if part.name == name and part != dead],
        lambda another: another,
    )


def killed_whole(one: Serving) -> None:
    """Kill the owner, as a reboot would: nothing is left at work."""
    record = one.record
    kill(record.owner)
    killed = time.monotonic()
    # Their own processes too, each of which ends when it sees so.
    one.until(lambda: [p for p in record.parts if p.alive or members(p.pid)], lambda left: not left)
    # What tries to reach the dead server for half a minute is not waited for.
    assert time.monotonic() - killed < DRAIN_SECONDS


def at_its_gate(one: Serving) -> str:
    """Start a run that comes to a gate; return its id once it is suspended."""
    with psycopg.connect(url_of(one)) as connection:
        connection.execute("CREATE TABLE public.gated (id int PRIMARY KEY, number int)")
        connection.execute("INSERT INTO public.gated SELECT i, i FROM generate_series(1, 9) i")
    run = one.trigger(GATE, {})
    one.until(lambda: one.api.flow_run(run)["state_name"], lambda name: name == "Suspended")
    return run


def woken(one: Serving, run: str) -> None:
    """Approve elsewhere: the suspended run goes on, in a process of its own."""
    assert one.api.flow_run(run)["state_name"] == "Suspended"
    said = one.place.run("approve", GATED_ID, "dual_write_deployed", "--reason", "it is out")
    assert "in Prefect hears of it within minutes" in said.stdout
    one.trigger("reaper/all")
    assert one.ended(run)["state_name"] == "Completed"


def the_files_are_followed(one: Serving) -> None:
    write(one.place, BROKEN_ID, NIGHTLY.replace("3.", "4."))
    (one.place.migrations / f"{NIGHTLY_ID}.py").unlink()
    mended = one.place.json("serve", "--detach")
    assert (mended["migrations"], mended["errors"]) == ([MIGRATION_ID, BROKEN_ID, GATED_ID], [])
    assert f"{BROKEN_ID}/off-peak" in one.deployments()
    assert f"{NIGHTLY_ID}/off-peak" not in one.deployments()


def test_it_stands_until_it_is_ended_and_whatever_is_killed_a_run_goes_on(tmp_path: Path) -> None:
    """One story, since each start takes ten seconds and more."""
    with serving(tmp_path, "", **SLOWLY) as one:
        write(one.place, MIGRATION_ID, EMAIL)
        write(one.place, NIGHTLY_ID, NIGHTLY)
        write(one.place, GATED_ID, GATED)
        write(one.place, BROKEN_ID, BROKEN)
        run = in_the_foreground(one)
        as_it_was(one)
        more(one)
        gate = at_its_gate(one)
        killed_whole(one)
        one.place.json("serve", "--detach", code=2)
        more(one)
        woken(one, gate)
        one.place.json("throttle", MIGRATION_ID, "--duty", "1", "--batch-ms", "50")
        ended = one.ended(run)
        assert ended["state_name"] == "Completed"
        states = {each["id"]: each["state"] for each in one.place.json("status")}
        assert (states[MIGRATION_ID], states[GATED_ID]) == ("verified", "verified")
        # Nobody filled a row that was filled before.
        needed = (
            "SELECT count(*) FROM public.users"
            " WHERE num_nonnulls(email_verified, verification_token) > 0"
        )
        assert filled(one) == number(one, needed)
        the_files_are_followed(one)
        parts = one.record.parts
        assert one.place.json("serve", "--stop") == {"stopped": True}
        gone(one, parts)
        assert one.place.json("serve", "--stop") == {"stopped": False}


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
