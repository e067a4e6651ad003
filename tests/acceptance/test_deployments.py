"""Deployments as values, and the file for `prefect deploy` that is made from them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from flows.deployments import Deployment, deployments
from flows.loader import Loaded, load_migrations
from flows.migration_flow import flow_of
from flows.prefect_yaml import prefect_yaml
from pgtide import Window
from tests.architecture.sources import ROOT
from tests.command import EMAIL, EMAIL_FILE, Workplace
from tests.users import MIGRATION_ID, email_migration

WINDOW = Window("02:30-05:00", zone="Europe/Berlin", days="sat,sun")
ALL = ["resume/all", "reaper/all", "purge-due/all"]
WRITE = "pgtide deployments --write"


def loaded(window: Window | None = None, table: str = "public.users") -> Loaded:
    migration = replace(email_migration(), window=window, table=table)
    path = Path("migrations") / f"{MIGRATION_ID}.py"
    return Loaded(
        id=MIGRATION_ID, path=path, migration=migration, flow=flow_of(migration, MIGRATION_ID)
    )


def names(found: Sequence[Deployment]) -> list[str]:
    return [one.full_name for one in found]


def test_a_migration_has_one_for_each_thing_that_a_person_may_ask_of_it() -> None:
    later = [f"{flow}/{MIGRATION_ID}" for flow in ("contract", "purge", "rollback")]
    assert names(deployments([loaded()])) == [f"{MIGRATION_ID}/migrate", *later, *ALL]
    found = deployments([loaded(WINDOW)])
    assert names(found) == [f"{MIGRATION_ID}/migrate", f"{MIGRATION_ID}/off-peak", *later, *ALL]
    assert {one.tags for one in found} == {
        ("pgtide", "table:users", f"migration:{MIGRATION_ID}"),
        ("pgtide",),
    }


def test_what_looks_after_all_migrations_comes_by_itself() -> None:
    resume, reaper, purge_due = deployments([])
    assert [one.full_name for one in (resume, reaper, purge_due)] == ALL
    # Each by one schedule; what failed or was cancelled is for a person, who may ask for more.
    (hourly,) = resume.schedules
    assert hourly.parameters == {"parameters": {"only_cut_off": True}}
    assert [len(one.schedules) for one in (reaper, purge_due)] == [1, 1]


def test_what_each_is_given_beforehand() -> None:
    migrate, off_peak, *later = deployments([loaded(WINDOW)])[:-3]
    assert (migrate.parameters, migrate.schedules) == ({}, ())
    # A person may have undone it: no schedule begins it again.
    assert off_peak.parameters == {"parameters": {"start_over": False}}
    assert [one.slug for one in off_peak.schedules] == ["opening", "change-of-the-clock"]
    assert {str(one.parameters) for one in later} == {str({"migration": MIGRATION_ID})}


def test_a_table_of_another_schema_is_tagged_with_it() -> None:
    assert deployments([loaded(table="shop.users")])[0].tags[1] == "table:shop.users"


@pytest.mark.parametrize("pool", ["process", "docker", "kubernetes"])
def test_the_file_says_the_same_for_each_kind_of_pool(pool: Any) -> None:
    wanted = deployments([loaded(WINDOW)])
    read = YAML(typ="safe").load(prefect_yaml(wanted, pool=pool))
    found = read["deployments"]
    assert [(one["name"], one["entrypoint"]) for one in found] == [
        (one.name, one.entrypoint) for one in wanted
    ]
    assert {one["work_pool"]["name"] for one in found} == {f"pgtide-{pool}"}
    assert [one.get("parameters", {}) for one in found] == [one.parameters for one in wanted]
    (hourly,) = found[-3]["schedules"]
    assert hourly["parameters"] == {"parameters": {"only_cut_off": True}}
    cron, listed = found[1]["schedules"]
    assert cron == {
        "slug": "opening",
        "cron": "30 2 * * sat,sun",
        "timezone": "Europe/Berlin",
    }
    assert listed["rrule"].startswith("RDATE:20260329T010000Z,")
    image = found[0]["work_pool"].get("job_variables", {}).get("image")
    assert image == (None if pool == "process" else "{{ $PGTIDE_IMAGE }}")


def test_the_file_of_the_repository_is_the_one_that_its_migrations_make() -> None:
    """Run `pgtide deployments --write` where this fails, and commit the file."""
    here = [
        replace(one, path=one.path.relative_to(ROOT))
        for one in load_migrations(ROOT / "migrations")
    ]
    written = (ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8")
    assert written == prefect_yaml(deployments(here)), WRITE


def test_the_command_shows_them_and_writes_the_file(tmp_path: Path) -> None:
    place = Workplace(folder=tmp_path, url="")
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    assert f"{MIGRATION_ID}/migrate" in place.run("deployments").stdout
    said = place.run("deployments", "--write", "--pool", "docker").stdout
    assert said.startswith("deployments/prefect.yaml is written: 7 deployments, for a docker pool.")
    text = (tmp_path / "deployments" / "prefect.yaml").read_text(encoding="utf-8")
    assert (
        YAML(typ="safe").load(text)["deployments"][0]["entrypoint"]
        == f"migrations/{EMAIL_FILE}:flow"
    )
    assert str(tmp_path) not in text


def test_files_that_a_worker_would_not_find_are_refused(tmp_path: Path) -> None:
    elsewhere = Workplace(folder=tmp_path / "elsewhere", url="")
    place = Workplace(folder=tmp_path / "here", url="")
    for one in (elsewhere, place):
        one.folder.mkdir()
    (elsewhere.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    told = place.json("--migrations", str(elsewhere.migrations), "deployments", "--write", code=2)[
        "error"
    ]
    assert "not below this folder" in told["message"]
    assert not (place.folder / "deployments").exists()
