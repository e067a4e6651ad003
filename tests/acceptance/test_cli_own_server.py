"""`up` where no Prefect server is: the one that it starts hears all, and goes without a word."""

import sqlite3
import time
from pathlib import Path

from tests.command import EMAIL, EMAIL_FILE, PATIENCE, Workplace
from tests.users import create_users


def test_what_the_server_was_to_hear_arrives_before_it_goes(tmp_path: Path, database: str) -> None:
    """Else the process knocks at a server that has gone, for more than a minute."""
    create_users(database, rows=500)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / EMAIL_FILE).write_text(EMAIL, encoding="utf-8")
    with place.start("up") as working:
        assert working.stdout is not None
        assert working.stderr is not None
        while "is verified" not in (line := working.stdout.readline()):
            assert line, working.stderr.read()
        told = time.monotonic()
        stderr = working.stderr.read()
        assert working.wait(timeout=PATIENCE * 2) == 0
    assert time.monotonic() - told < PATIENCE / 2
    assert "Error logging" not in stderr
    with sqlite3.connect(tmp_path / ".pgtide" / "prefect" / "prefect.db") as server:
        lines = [text for (text,) in server.execute("SELECT message FROM log")]
    assert any(text.startswith("The run let") for text in lines), lines
