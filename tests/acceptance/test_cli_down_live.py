"""`down` while a run is at work: it is asked to let go first, and named where it does not."""

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pgtide.errors import PgtideError
from pgtide.ledger.control import held
from pgtide.ledger.run import Caller, holding
from pgtide.model.state import Phase, State
from pgtide.postgres.session import connect
from tests.command import Workplace
from tests.driving import migrate, record_of, settings_for
from tests.users import MIGRATION_ID, create_users, email_migration


def test_down_makes_a_run_at_work_checkpoint_and_let_go(tmp_path: Path, database: str) -> None:
    create_users(database, rows=60_000)
    place = Workplace(folder=tmp_path, url=database)
    # Ten times as long as it takes: the command needs a second or two to begin.
    slow = replace(settings_for(database), batch_target=timedelta(milliseconds=1), duty=0.1)
    ended: list[PgtideError] = []

    def work() -> None:
        try:
            migrate(database, email_migration(), settings=slow)
        except PgtideError as error:
            ended.append(error)

    working = threading.Thread(target=work)
    working.start()
    place.wait_for(lambda found: found.state == "backfilling" and found.rows_done > 0)
    done = place.run("down", "2.1.0", "--yes", "--by", "ann")
    working.join()
    assert done.returncode == 0, done.stderr
    assert "checkpoint and let go" in done.stderr
    assert [error.code for error in ended] == ["waiting"]
    assert "undo requested by ann" in ended[0].what
    assert record_of(database, MIGRATION_ID).state is State.ROLLED_BACK
    with connect(database, purpose="test") as session:
        assert held(session, MIGRATION_ID) is None


def test_down_names_a_run_that_does_not_let_go(tmp_path: Path, database: str) -> None:
    create_users(database, rows=100)
    record = migrate(database, email_migration(), until=Phase.EXPAND)
    place = Workplace(folder=tmp_path, url=database)
    stubborn = Caller(actor="stubborn", heeds_hold=False)
    with holding(settings_for(database), stubborn, record):
        error = place.json("down", "2.1.0", "--yes", code=2)["error"]
    assert error["code"] == "busy"
    assert "by stubborn on" in error["message"]
    assert record_of(database, MIGRATION_ID).state is State.EXPANDED
    with connect(database, purpose="test") as session:
        assert held(session, MIGRATION_ID) is None
