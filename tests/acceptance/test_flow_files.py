"""Migration files: found in order, loaded by us and by Prefect, refused with the real reason."""

from pathlib import Path
from typing import Any

import pytest
from prefect import Flow
from prefect.deployments.runner import RunnerDeployment
from prefect.flows import load_flow_from_entrypoint

from flows.loader import load_migration, load_migrations, read_folder
from flows.migration_flow import flow_of
from pgtide.errors import InvalidMigration
from tests.acceptance.flow_records import MIGRATIONS
from tests.users import MIGRATION_ID, email_migration

GOOD = """
from flows import migration_flow
from pgtide import Index, Migration

migration = Migration(
    version="{version}", description="An index", table="public.users",
    changes=[Index("users_email", on="email")], contract_release="9.0.0",
)
flow = migration_flow(migration)
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_projects_migration_is_the_strategys_example() -> None:
    [loaded] = load_migrations(MIGRATIONS)
    assert loaded.id == loaded.flow.name == loaded.migration.id == MIGRATION_ID
    assert loaded.migration.canonical == email_migration().canonical


def test_migrations_come_in_the_order_of_their_ids(tmp_path: Path) -> None:
    write(tmp_path, "20260102_000000_second.py", GOOD.format(version="1.0.0"))
    write(tmp_path, "20260101_000000_first.py", GOOD.format(version="1.1.0"))
    write(tmp_path, "__init__.py", "")
    write(tmp_path, "_shared.py", "raise RuntimeError")
    ids = [one.id for one in load_migrations(tmp_path)]
    assert ids == ["20260101_000000_first", "20260102_000000_second"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("x = 1\nimport no_such_thing\n", 2, "ModuleNotFoundError: No module named"),
        ("x = 1\n\ndef f(:\n", 3, "SyntaxError: invalid syntax"),
        (GOOD.format(version="1.0"), 5, "version '1.0' is not a semantic version"),
        ("def f():\n    return 1 / 0\n\nf()\n", 2, "ZeroDivisionError"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit"),
    ],
)
def test_a_broken_file_is_refused_with_its_real_error_and_line(
    tmp_path: Path, text: str, line: int, words: str
) -> None:
    path = write(tmp_path, "20260101_000000_broken.py", text)
    with pytest.raises(InvalidMigration) as refused:
        load_migrations(tmp_path)
    assert f"{path}:{line}: " in refused.value.what
    assert words in refused.value.what


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not define `migration`"),
        (GOOD.format(version="1.0.0") + "flow = 7\n", "has a int as `flow`"),
    ],
)
def test_a_file_without_its_two_names_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = write(tmp_path, "20260101_000000_empty.py", text)
    with pytest.raises(InvalidMigration, match=words):
        load_migration(path)


def test_a_broken_file_does_not_hide_the_others(tmp_path: Path) -> None:
    write(tmp_path, "20260101_000000_broken.py", "1 / 0\n")
    write(tmp_path, "20260102_000000_good.py", GOOD.format(version="1.0.0"))
    folder = read_folder(tmp_path)
    assert [one.id for one in folder.loaded] == ["20260102_000000_good"]
    assert ["20260101_000000_broken" in error.what for error in folder.errors] == [True]


def test_a_version_belongs_to_one_file(tmp_path: Path) -> None:
    write(tmp_path, "20260101_000000_one.py", GOOD.format(version="1.0.0"))
    write(tmp_path, "20260102_000000_two.py", GOOD.format(version="1.0.0"))
    with pytest.raises(InvalidMigration, match=r"two\.py and .*one\.py both carry version 1\.0\.0"):
        load_migrations(tmp_path)


def test_a_file_that_is_not_named_like_a_migration_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "add_index.py", GOOD.format(version="1.0.0"))
    with pytest.raises(InvalidMigration, match="not named like a migration"):
        load_migrations(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMigration, match="no folder"):
        load_migrations(tmp_path / "nowhere")


def test_a_flow_cannot_be_made_under_a_name_that_is_no_id() -> None:
    with pytest.raises(InvalidMigration, match="YYYYMMDD_HHMMSS_slug"):
        flow_of(email_migration(), "add_index")


def test_prefects_loader_and_deployments_take_the_file() -> None:
    entrypoint = f"{MIGRATIONS / MIGRATION_ID}.py:flow"
    flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    assert flow.name == MIGRATION_ID
    until = flow.parameters.definitions["MigrateParameters"]["properties"]["until"]
    assert (until["enum"], until["default"]) == (
        ["backup", "expand", "backfill", "finalize", "verify"],
        "verify",
    )
    deployment = RunnerDeployment.from_entrypoint(entrypoint, name="on-demand")
    assert (deployment.flow_name, deployment.entrypoint) == (MIGRATION_ID, entrypoint)
