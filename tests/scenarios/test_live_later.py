"""Three releases write through contract, its undo, contract again and purge: all is found."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import psycopg
import pytest

from pgtide.ledger.record import Record
from pgtide.model.state import State
from tests.driving import migrate
from tests.later import contract, purge, to_verified
from tests.scenarios.dated_writers import FINAL, Dated, DatedWriter, FinalWriter, standing
from tests.scenarios.live_writers import BASE_ROWS, NEW, OLD, Writer, writing
from tests.scenarios.test_live_writers import OUT_OF_STEP, assert_all_found, value
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

_WHILE = 0.3


def undated(url: str, writers: Iterable[DatedWriter]) -> list[str]:
    """Return the dates that are not what the account says, of written rows and of all others."""
    expected: dict[int, Dated | None] = dict(DatedWriter.base)
    for writer in writers:
        expected |= writer.dates
    with psycopg.connect(url) as session:
        rows = session.execute("SELECT id, verified_at FROM users").fetchall()
    found: dict[int, datetime | None] = dict(rows)
    return [
        f"row {key} has the date {found.get(key)}, expected {one}"
        for key, one in expected.items()
        if not (key not in found if one is None else key in found and one.fits(found[key]))
    ]


def during(act: Callable[[], Record], writers: Iterable[Writer]) -> State:
    """Carry out an act while all of them write: each has writes acknowledged before and after."""
    known = [(one, sum(one.account.acknowledged.values())) for one in writers]
    time.sleep(_WHILE)
    record = act()
    time.sleep(_WHILE)
    assert all(sum(one.account.acknowledged.values()) > before > 0 for one, before in known)
    return record.state


@pytest.fixture
def verified(database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a database in which the strategy's migration is verified, and what each row holds."""
    create_users(database, rows=BASE_ROWS)
    migrate(database, email_migration())
    monkeypatch.setattr(DatedWriter, "base", standing(database))
    return database


def test_every_write_of_three_releases_is_found_through_contract_its_undo_and_purge(
    verified: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DatedWriter, "triggers_end", None)
    url = verified
    with (
        writing(url, OLD, numbers=(0,), kind=DatedWriter) as old,
        writing(url, NEW, numbers=(1,), kind=DatedWriter) as new,
    ):
        time.sleep(_WHILE)
        assert during(lambda: contract(url, MIGRATION_ID), [*old, *new]) is State.CONTRACTED
        # The release with the final names is out from contracted until just before the undo.
        with writing(url, FINAL, numbers=(2,), kind=FinalWriter) as first:
            time.sleep(1.0)
        assert during(lambda: to_verified(url, MIGRATION_ID), [*old, *new]) is State.VERIFIED
        assert value(url, OUT_OF_STEP) == 0
        assert during(lambda: contract(url, MIGRATION_ID), [*old, *new]) is State.CONTRACTED
        with writing(url, FINAL, numbers=(3,), kind=FinalWriter) as second:
            time.sleep(1.0)
            assert value(url, OUT_OF_STEP) == 0
            for one in new:
                one.stop()
            # From purge on no trigger dates what a release writes that does not know of dates.
            monkeypatch.setattr(DatedWriter, "triggers_end", datetime.now(UTC))
            assert during(lambda: purge(url, MIGRATION_ID), [*old, *second]) is State.COMPLETED
    dated = [*old, *new, *first, *second]
    assert_all_found(url, dated)
    assert undated(url, [one for one in dated if isinstance(one, DatedWriter)]) == []
    assert all(one.prepared > 0 for one in dated), "nothing was prepared: the test shows less"


def test_the_account_of_dates_is_not_blind(verified: str) -> None:
    with writing(verified, NEW, numbers=(1,), kind=DatedWriter) as writers:
        time.sleep(1.0)
    dated = [one for one in writers if isinstance(one, DatedWriter)]
    assert undated(verified, dated) == []
    [key] = [k for k, one in dated[0].dates.items() if one is not None and one.flag][:1]
    run(
        verified,
        f"UPDATE users SET verified_at = verified_at - interval '1 day' WHERE id = {key}",
        "UPDATE users SET verified_at = now() WHERE id = (SELECT min(id) FROM users"
        " WHERE verified_at < timestamp '2025-01-01')",
        "DELETE FROM users WHERE id = (SELECT max(id) FROM users WHERE id < 60000)",
    )
    assert len(undated(verified, dated)) == 3
