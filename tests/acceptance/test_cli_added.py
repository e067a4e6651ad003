"""A migration that only adds a column: nothing it says is about old columns or other names."""

from pathlib import Path

from pgtide import AddColumn, Migration
from tests.command import Workplace
from tests.driving import migrate
from tests.later import contract, purge
from tests.small_table import SMALL_ID, create_small, small_migration

FILE = '''"""A small change."""

from flows import migration_flow
from tests.acceptance.test_cli_added import adding

migration = adding()
flow = migration_flow(migration)
'''


def adding() -> Migration:
    """Return a migration that adds a column and replaces none."""
    return small_migration(AddColumn("b", type="int", backfill="a"))


def test_what_is_said_of_it_fits(tmp_path: Path, database: str) -> None:
    create_small(database)
    place = Workplace(folder=tmp_path, url=database)
    (place.migrations / f"{SMALL_ID}.py").write_text(FILE, encoding="utf-8")
    said = [place.run("plan").stdout]
    migrate(database, adding())
    said.append(place.run("status").stdout)
    contract(database, SMALL_ID)
    said.append(place.run("status").stdout)
    said.append(place.run("purge", "1.0.0", "--now", "--reason", "it stays").stderr)
    purge(database, SMALL_ID)
    said += [place.run("history", "1.0.0").stdout, place.run("down", "1.0.0", "--yes").stderr]
    text = " ".join(" ".join(said).split())
    for wrong in ("old columns", "old ones", "old names", "final names"):
        assert wrong not in text, text
    assert "that a later release is live, and works with what was added" in text
    assert "that what was added stays: the way back may be given up for good" in text
    assert "What was added is in use" in text
