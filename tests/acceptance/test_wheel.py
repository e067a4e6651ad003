"""What deployments/Containerfile installs: a wheel of this checkout, in a Python of its own.

No container engine runs here. This does what its RUN steps do, but for the pinned packages, which
are borrowed from the Python of the tests: to install them takes a minute.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.sources import ROOT
from tests.architecture.test_containerfile import TEXT, sources
from tests.users import MIGRATION_ID, create_users

PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


@dataclass(frozen=True, kw_only=True)
class Image:
    """The folders that the image has: the Python, and the project."""

    wheel: Path
    bin: Path
    project: Path

    def run(self, program: str, *args: str, **environment: str) -> str:
        """Run a program as the image would, with nothing of this process's environment."""
        done = subprocess.run(
            [self.bin / program, *args],
            cwd=self.project,
            env={
                "PATH": f"{self.bin}:{os.environ['PATH']}",
                "PREFECT_HOME": os.environ["PREFECT_HOME"],
                "PGTIDE_HOME": str(self.project / ".pgtide"),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def ran(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    build, python = folder / "build", folder / "opt"
    copied(build)
    isolated = ("--no-deps", "--no-index")
    ran(*PIP, "wheel", *isolated, "--no-build-isolation", "--wheel-dir", build / "dist", build)
    (wheel,) = (build / "dist").glob("*.whl")
    ran(sys.executable, "-m", "venv", "--without-pip", python)
    # Not compiled: the tests import a part of it, once.
    installed = ("install", *isolated, "--no-compile", wheel)
    ran(*PIP, "--python", python / "bin" / "python", *installed)
    # A line with a folder is no site folder: what is installed there as editable stays out.
    (site,) = (python / "lib").glob("python3*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    project = folder / "pgtide"
    shutil.copytree(
        ROOT / "migrations", project / "migrations", ignore=shutil.ignore_patterns("__pycache__")
    )
    return Image(wheel=wheel, bin=python / "bin", project=project)


def copied(build: Path) -> None:
    """Copy what the build stage copies."""
    skipped = shutil.ignore_patterns("__pycache__")
    for one in sources(TEXT.partition("\nFROM ${PYTHON_IMAGE}\n")[0]):
        if one.endswith("/"):
            shutil.copytree(ROOT / one, build / one, ignore=skipped)
        else:
            build.mkdir(exist_ok=True)
            shutil.copy(ROOT / one, build / one)


def packaged() -> Iterator[str]:
    """Give every file of the packages, as the wheel should have it."""
    for package in ("cli", "demo", "flows", "pgtide", "tasks"):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path.relative_to(ROOT).as_posix()


def test_the_wheel_has_every_file_of_the_packages_and_no_other(image: Image) -> None:
    with zipfile.ZipFile(image.wheel) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == set(packaged())
    assert [name for name in sorted(names) if name.endswith(".sql")][:1] != []


def test_the_command_of_the_image_is_its_own(image: Image) -> None:
    assert image.run("pgtide", "--version") == f"pgtide {version('pgtide')}\n"
    # Found, not imported: that takes seconds, and the plan below does it.
    code = "from importlib.util import find_spec as f; print(f('cli').origin, f('flows').origin)"
    for where in image.run("python", "-c", code).split():
        assert Path(where).is_relative_to(image.bin.parent)


def test_it_plans_the_migrations_of_the_project_beside_it(image: Image, database: str) -> None:
    """Loads the file through its flow, and asks the database with the packaged queries."""
    create_users(database, rows=20)
    plan = json.loads(image.run("pgtide", "plan", "--json", DATABASE_URL=database))
    assert [one["id"] for one in plan] == [MIGRATION_ID]


def test_the_programs_of_a_backup_are_in_it(image: Image) -> None:
    code = "from pgtide.postgres.embedded import tool; print(tool('pg_dump'), tool('pg_restore'))"
    for program in image.run("python", "-c", code).split():
        ran(program, "--version")
