"""The workflows for GitHub are valid, and hold what deployments/README.md promises of them.

Checked by actionlint, and their scripts by a shell; no workflow was run by GitHub.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.architecture.sources import ROOT
from tests.typed_commands import in_script, mistake

FOLDER: Final = ROOT / "deployments" / "github"
ACTIONLINT: Final = Path(sys.executable).with_name("actionlint")
TEXTS: Final = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yml")}
# YAML 1.1 reads the word `on` as true.
FILES: Final[dict[str, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
A_PIN: Final = re.compile(r"^actions/[\w-]+@[0-9a-f]{40}$")


def linted(text: str) -> str:
    # Both would be asked for if they happened to be on the machine.
    command = [str(ACTIONLINT), "-shellcheck=", "-pyflakes=", "-oneline", "-"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout + done.stderr


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in FILES[name]["jobs"].values():
        yield from job["steps"]


def script(name: str, wanted: str) -> str:
    """Return the script of the step of that name."""
    (found,) = [one["run"] for one in steps(name) if one.get("name") == wanted]
    return str(found)


def scripts() -> list[str]:
    return [one["run"] for name in FILES for one in steps(name) if "run" in one]


def bash(text: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub runs it."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("name", ["migrations", "rollback"])
def test_github_would_take_it(name: str) -> None:
    assert linted(TEXTS[name]) == ""


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("needs: tests", "needs: test", "needs job"),
        ("steps.new.outputs", "steps.old.outputs", "is not defined"),
        ("    runs-on: ubuntu-24.04\n", "", "runs-on"),
        ("timeout-minutes: 90", "timeout: 90", "unexpected key"),
    ],
)
def test_what_github_would_not_take_is_seen(before: str, after: str, found: str) -> None:
    assert before in TEXTS["migrations"]
    assert found in linted(TEXTS["migrations"].replace(before, after))


@pytest.mark.parametrize("name", FILES)
def test_it_may_read_and_no_more_and_actions_are_pinned(name: str) -> None:
    assert FILES[name]["permissions"] == {"contents": "read"}
    assert [one for one in FILES[name]["jobs"].values() if "permissions" in one] == []
    used = [one["uses"] for one in steps(name) if "uses" in one]
    assert used != []
    assert [one for one in used if not A_PIN.match(one)] == []
    assert all(job["timeout-minutes"] for job in FILES[name]["jobs"].values())


def test_no_text_from_outside_becomes_a_script() -> None:
    """The strategy's own script pastes a version into code; here all goes through variables."""
    assert [one for one in scripts() if "${{" in one] == []


def test_each_script_can_be_read_and_each_command_and_file_in_it_is_there() -> None:
    for one in scripts():
        read = subprocess.run(["bash", "-n", "-c", one], capture_output=True, check=False)
        assert read.returncode == 0, read.stderr
    typed = [command for one in scripts() for command in in_script(one)]
    assert {command.split()[1] for command in typed} >= {"plan", "up", "verify", "down", "status"}
    assert [wrong for command in typed if (wrong := mistake(command))] == []
    named = {path for one in scripts() for path in re.findall(r"deployments/[\w./-]+", one)}
    assert len(named) >= 3
    assert [path for path in named if not (ROOT / path).is_file()] == []
    goals = {goal for one in scripts() for goal in re.findall(r"^make (\w+)$", one, re.MULTILINE)}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert goals == {"test", "setup"}
    assert [goal for goal in goals if f"\n{goal}:" not in makefile] == []


def test_staging_comes_first_and_production_waits_for_a_person() -> None:
    jobs = FILES["migrations"]["jobs"]
    assert jobs["image"]["needs"] == "tests"
    assert jobs["staging"]["needs"] == "image"
    assert "staging" in jobs["production"]["needs"]
    assert jobs["staging"]["if"] == "github.event_name == 'push'"
    assert [name for name, job in jobs.items() if job.get("environment") == "production"] == [
        "production"
    ]
    assert FILES["migrations"][True]["push"] == {"branches": ["main"]}
    assert jobs["plan"]["environment"] == jobs["staging"]["environment"] == "staging"


def test_an_emergency_waits_for_no_run_and_is_started_by_a_person_alone() -> None:
    assert set(FILES["rollback"][True]) == {"workflow_dispatch"}
    groups = [
        job["concurrency"]["group"]
        for one in FILES.values()
        for job in one["jobs"].values()
        if "concurrency" in job
    ]
    assert len(groups) == len(set(groups)) == 3
    cancelled = re.findall("cancel-in-progress: (true|false)", "".join(TEXTS.values()))
    assert cancelled == ["false"] * 3


@pytest.mark.parametrize(("again", "code"), [("2.1.0", 0), ("2.1", 1), ("", 1)])
def test_it_undoes_only_what_was_typed_twice(tmp_path: Path, again: str, code: int) -> None:
    done = bash(script("rollback", "It is meant"), tmp_path, MIGRATION="2.1.0", AGAIN=again)
    assert done.returncode == code, done.stderr
    assert ("Nothing was done" in done.stdout) is bool(code)


def test_the_key_to_the_cluster_is_for_its_owner_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kubeconfig"
    for name in ("migrations", "rollback"):
        text = script(name, "The way to the cluster")
        assert bash(text, tmp_path, CONTENT="key", KUBECONFIG=str(kept)).returncode == 0
        assert (kept.read_text(encoding="utf-8"), kept.stat().st_mode & 0o777) == ("key", 0o600)
        kept.unlink()


def test_what_a_push_adds_is_found_and_nothing_else(tmp_path: Path) -> None:
    """In the order of ids; changed, removed and otherwise named files are no new migrations."""
    push(tmp_path, "20250101_000000_old.py", "20250102_000000_gone.py")
    before = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "rm", "--quiet", "migrations/20250102_000000_gone.py")
    (tmp_path / "migrations" / "20250101_000000_old.py").write_text("changed", encoding="utf-8")
    push(tmp_path, "20250301_000000_b.py", "20250201_000000_a.py", "__init__.py", "notes $(id).py")
    told = tmp_path / "output"
    found = bash(
        script("migrations", "Which migrations this push adds"),
        tmp_path,
        BEFORE=before,
        GITHUB_SHA=git(tmp_path, "rev-parse", "HEAD"),
        GITHUB_OUTPUT=str(told),
    )
    assert found.returncode == 0, found.stderr
    written = told.read_text(encoding="utf-8")
    assert written == "migrations=20250201_000000_a 20250301_000000_b \n"


def test_a_push_without_migrations_says_so(tmp_path: Path) -> None:
    push(tmp_path, "20250101_000000_old.py")
    head = git(tmp_path, "rev-parse", "HEAD")
    told = tmp_path / "output"
    text = script("migrations", "Which migrations this push adds")
    found = bash(text, tmp_path, BEFORE=head, GITHUB_SHA=head, GITHUB_OUTPUT=str(told))
    assert "none" in found.stdout
    assert told.read_text(encoding="utf-8") == "migrations=\n"


def push(folder: Path, *names: str) -> None:
    (folder / "migrations").mkdir(exist_ok=True)
    for name in names:
        (folder / "migrations" / name).write_text(name, encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", "migrations")
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.net")
    git(folder, *who, "commit", "--quiet", "--message", "more")


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
