"""Mistakes that people make: three parts each, the right exit code, no secret, no traceback."""

from pathlib import Path

import pytest

from tests.command import EMAIL_FILE, Workplace

SECRET = "hush-hush"  # no secret of anybody's


@pytest.fixture
def place(tmp_path: Path, database: str) -> Workplace:
    return Workplace(folder=tmp_path, url=database)


def test_every_error_has_three_parts_in_text_and_in_json(place: Workplace) -> None:
    error = place.json("status", "nothing_like_it", code=2)["error"]
    assert set(error) == {"code", "message", "state", "remedy"}
    text = place.run("status", "nothing_like_it")
    assert (text.returncode, text.stdout) == (2, "")
    for label in ("refused", "state", "to do"):
        assert label in text.stderr


def test_without_a_database_both_ways_to_one_are_named(place: Workplace) -> None:
    bare = Workplace(folder=place.folder, url="")
    error = bare.json("status", code=2)["error"]
    assert "DATABASE_URL" in error["remedy"]
    assert "pgtide postgres start" in error["remedy"]


@pytest.mark.parametrize("form", [["--json"], []])
def test_a_password_is_never_printed(place: Workplace, form: list[str]) -> None:
    wrong = f"postgresql://nobody:{SECRET}@127.0.0.1:1/nowhere?password={SECRET}&x={SECRET}"
    for url in (wrong, wrong.replace("127.0.0.1:1", "[")):
        done = Workplace(folder=place.folder, url=place.url).run(
            "--database-url", url, "status", *form
        )
        assert done.returncode in {1, 2}, done.stderr
        assert SECRET not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    for left in place.folder.rglob("*.txt"):
        assert SECRET not in left.read_text(encoding="utf-8")


def test_a_broken_file_is_refused_with_its_line(place: Workplace) -> None:
    (place.migrations / EMAIL_FILE).write_text("x = 1\nraise KeyError('oh')\n", encoding="utf-8")
    error = place.json("up", code=2)["error"]
    assert error["code"] == "invalid_migration"
    assert f"{EMAIL_FILE}:2" in error["message"]


def test_a_command_line_that_cannot_be_read_is_json_too(place: Workplace) -> None:
    assert place.json("status", "--nonsense", code=2)["error"]["code"] == "usage"
