"""An error nobody foresaw: one sentence, a file with the traceback, and no secret in either."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.guard import Guarded

SECRET = "hush-hush"
app = typer.Typer(cls=Guarded, pretty_exceptions_enable=False)


@app.command()
def stumble(*, as_json: bool = typer.Option(False, "--json")) -> None:
    del as_json
    raise KeyError(f"postgresql://ann:{SECRET}@db/app")


@app.command()
def interrupted() -> None:
    raise KeyboardInterrupt


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
