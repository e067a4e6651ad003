"""`pgtide demo --keep`: both servers stay, the lines that it prints work, the next run ends them.

The story itself is played in `test_demo.py`; here a small table stands on its stage.
"""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from rich.console import Console

from demo import screen
from demo.kept import stop_kept
from demo.narrator import Narrator
from demo.place import cleared_place
from demo.stage import Stage, set_up
from pgtide.postgres.embedded.process import started
from pgtide.settings import Settings
from tests.driving import migrate
from tests.users import MIGRATION_ID, create_users, email_migration

PATIENCE = 30.0
# Three Prefect servers start one after the other; on a busy machine each takes a minute or two.
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(600),
    # It is left running on purpose, by a process that is about to end.
    pytest.mark.filterwarnings(r"ignore:subprocess \d+ is still running:ResourceWarning"),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home of the demo's; what is left running in it is stopped."""
    yield tmp_path
    stop_kept(tmp_path / "demo")


@contextmanager
def played(place: Path) -> Iterator[Stage]:
    """Play a short piece on a stage that is to be kept; what the block adds belongs to it."""
    told = Narrator(Console(quiet=True))
    with set_up(place, Settings(), told, keep=True, rows=3000) as stage:
        create_users(stage.url, rows=50)
        migrate(stage.url, email_migration())
        yield stage


def fail(place: Path, seen: list[Stage]) -> None:
    """Play a piece that fails; note its stage."""
    with played(place) as stage:
        seen.append(stage)
        raise RuntimeError


def alive(stage: Stage) -> list[str]:
    return [
        one.what for one in stage.roll.processes if one.started and started(one.pid) == one.started
    ]


def printed(stage: Stage) -> tuple[list[str], str]:
    """Return the commands that the screen prints for looking around, and the one that stops."""
    assert stage.prefect
    text = screen.how_to_look_around(stage.environment["PGTIDE_HOME"], stage.prefect)
    bold = [text.plain[span.start : span.end].strip() for span in text.spans]
    return bold[:-1], bold[-1]


def shell(*lines: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", "-c", "\n".join(lines)],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=PATIENCE * 4,
        check=False,
    )


def test_what_is_kept_answers_the_printed_commands_and_the_last_of_them_ends_it(
    home: Path,
) -> None:
    with cleared_place(home) as place, played(place) as stage:
        pass
    assert alive(stage) == ["PostgreSQL", "Prefect server"]
    commands, stop = printed(stage)
    exports = [line for line in commands if line.startswith("export ")]
    (page,) = (line for line in commands if line.startswith("http"))
    asked = [line for line in commands if line not in {*exports, page}]
    assert asked == ["pgtide history", "pgtide status", "pgtide postgres url"]
    done = shell("set -e", *exports, *asked)
    assert done.returncode == 0, done.stderr
    assert MIGRATION_ID in done.stdout
    assert stage.url in done.stdout
    with urlopen(page, timeout=PATIENCE) as answer:  # noqa: S310  # our own server
        assert answer.status == 200
    ended = shell("set -e", *exports, stop)
    assert ended.returncode == 0, ended.stderr
    deadline = time.monotonic() + PATIENCE
    while left := alive(stage):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_the_next_run_ends_what_an_earlier_one_kept_and_keeps_nothing_that_fails(
    home: Path,
) -> None:
    with cleared_place(home) as place, played(place) as kept:
        pass
    assert len(alive(kept)) == 2
    with cleared_place(home) as place:
        assert alive(kept) == []
        assert [path.name for path in place.iterdir()] == ["lock"]
        seen: list[Stage] = []
        with pytest.raises(RuntimeError):
            fail(place, seen)
        assert [alive(failed) for failed in seen] == [[]]
