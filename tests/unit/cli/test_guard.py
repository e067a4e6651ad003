"""An error nobody foresaw: one sentence, a file with the traceback, and no secret in either."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.guard import Guarded
from pgtide.errors import Failed, WindowClosed

SECRET = "hush-hush"
app = typer.Typer(cls=Guarded, pretty_exceptions_enable=False)


@app.command()
def stumble(*, as_json: bool = typer.Option(False, "--json")) -> None:
    del as_json
    raise KeyError(f"postgresql://ann:{SECRET}@db/app")


@app.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@app.command()
def wait() -> None:
    raise WindowClosed("Its window is closed.", state="Nothing was changed.", remedy="Wait.")


@app.command()
def fail() -> None:
    raise Failed("It failed.", state="Nothing was changed.", remedy="Look.")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGTIDE_HOME", str(tmp_path))
    return tmp_path


def test_it_is_one_sentence_and_a_file(home: Path) -> None:
    done = CliRunner().invoke(app, ["stumble"])
    (left,) = (home / "errors").glob("*.txt")
    text = left.read_text(encoding="utf-8")
    assert done.exit_code == 1
    assert "KeyError" in done.stderr
    assert "Traceback" not in done.output
    assert "Traceback" in text
    assert SECRET not in done.output + text


def test_it_is_json_where_json_was_asked_for() -> None:
    done = CliRunner().invoke(app, ["stumble", "--json"])
    assert done.exit_code == 1
    assert set(json.loads(done.stdout)["error"]) == {"code", "message", "state", "remedy"}
    assert SECRET not in done.output


def test_ctrl_c_outside_of_a_migration_ends_with_130_and_says_so() -> None:
    done = CliRunner().invoke(app, ["interrupted"])
    assert done.exit_code == 130
    assert "interrupted" in done.stderr


@pytest.mark.parametrize(
    ("said", "command", "code"),
    [("", "wait", 3), ("0", "wait", 3), ("1", "wait", 0), ("perhaps", "wait", 3), ("1", "fail", 1)],
)
def test_what_waits_ends_with_0_only_where_the_settings_say_so(
    monkeypatch: pytest.MonkeyPatch, said: str, command: str, code: int
) -> None:
    """Kubernetes knows no other end that is no failure; what is said stays the same."""
    monkeypatch.setenv("PGTIDE_WAITING_OK", said)
    done = CliRunner().invoke(app, [command])
    assert done.exit_code == code
    assert ("waiting" if command == "wait" else "failed") in done.stderr
