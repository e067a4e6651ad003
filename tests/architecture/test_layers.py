"""Imports point down, as the contracts in pyproject.toml say; and each contract can be broken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import PACKAGES, ROOT

LINTER = Path(sys.executable).with_name("lint-imports")
OFFENDERS = {
    "Imports point down between the packages": ("tasks/offender.py", "import cli"),
    "Imports point down inside the engine": ("pgtide/model/offender.py", "import pgtide.phases"),
    "The engine is true without Prefect": ("pgtide/phases/offender.py", "import prefect"),
    "Only pgtide.postgres speaks to the database's drivers": ("cli/offender.py", "import psycopg"),
    "Nothing inside the engine imports its facade": ("pgtide/ledger/offender.py", "import pgtide"),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINTER, "--no-cache", "--no-logo"], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """Give the modules without their contents: only what a test plants imports anything."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            empty(tmp_path / path.relative_to(ROOT))
    for package in ("phases", "ledger", "postgres"):
        empty(tmp_path / "pgtide" / package / "__init__.py")
    return tmp_path


def empty(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("", encoding="utf-8")


def test_every_import_points_down() -> None:
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_a_skeleton_without_offenders_keeps_every_contract(skeleton: Path) -> None:
    linted = lint(skeleton)
    assert linted.stdout.count(" KEPT") == len(OFFENDERS), linted.stdout + linted.stderr


@pytest.mark.parametrize("contract", OFFENDERS)
def test_each_contract_is_broken_by_its_offender(skeleton: Path, contract: str) -> None:
    name, statement = OFFENDERS[contract]
    (skeleton / name).write_text(f"{statement}\n", encoding="utf-8")
    linted = lint(skeleton)
    assert linted.returncode != 0
    assert f"{contract} BROKEN" in " ".join(linted.stdout.split()), linted.stdout + linted.stderr


def test_the_drivers_are_allowed_where_they_belong(skeleton: Path) -> None:
    (skeleton / "pgtide/postgres/insider.py").write_text("import psycopg, sqlalchemy\n", "utf-8")
    linted = lint(skeleton)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_a_module_outside_every_layer_is_refused(skeleton: Path) -> None:
    empty(skeleton / "pgtide/stray.py")
    linted = lint(skeleton)
    assert linted.returncode != 0
    assert "pgtide.stray" in linted.stdout
