"""The application writes while failing rows are looked for: it mends, deletes, and moves them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg
import pytest

from pgtide.events import Event, RowQuarantined
from pgtide.model.state import State
from pgtide.phases.quarantine import Quarantined
from tests.driving import migrate, record_of, refusal
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration

ROWS = 6_000


def mend(url: str, poisoned: list[int], stop: threading.Event) -> int:
    """Mend, delete or move the rows, as an application does; return how many it came to."""
    acts = (
        "UPDATE public.users SET name = 'x', email_verified = NOT email_verified WHERE id = %s",
        "DELETE FROM public.users WHERE id = %s",
        "UPDATE public.users SET name = 'moved', id = id + 1 WHERE id = %s",
    )
    with psycopg.connect(url, autocommit=True) as connection:
        for number, one in enumerate(poisoned):
            connection.execute(acts[number % len(acts)].encode(), (one,))
            if stop.wait(0.01):
                return number + 1
    return len(poisoned)


@pytest.mark.parametrize("share", [1, 2], ids=["all", "half"])
def test_rows_that_are_mended_meanwhile_are_in_step_and_nowhere_else(
    database: str, share: int
) -> None:
    poisoned = create_poisoned_users(database, rows=ROWS, every=300)
    mended = poisoned[::share]
    stop, found = threading.Event(), threading.Event()

    def listen(event: Event) -> None:
        if isinstance(event, RowQuarantined):
            found.set()

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: found.wait(60) and mend(database, mended, stop))
        with suppress(Quarantined):
            migrate(database, email_migration(), emit=listen)
        assert writing.result(60) == len(mended)
    assert set(held(database)) <= set(poisoned)
    left = [one for one in poisoned if one not in mended]
    assert [one for one in out_of_step(database) if one not in left] == []
    if left:
        error = refusal(lambda: migrate(database, email_migration()))
        assert isinstance(error, Quarantined), repr(error)
        assert held(database) == out_of_step(database) == left
        run(database, "UPDATE public.users SET name = 'x' WHERE name = 'nobody'")
    assert migrate(database, email_migration()).state is State.VERIFIED
    assert held(database) == out_of_step(database) == []


def test_a_row_that_is_locked_is_waited_for_and_not_put_aside(database: str) -> None:
    """A lock is no fault of the row's: it is tried again until the lock is gone."""
    (one, *_) = create_poisoned_users(database, rows=ROWS, every=30_000)
    with psycopg.connect(database) as holding, ThreadPoolExecutor(1) as pool:
        holding.execute("UPDATE public.users SET name = 'somebody' WHERE id = %s", (one,))
        threading.Timer(0.6, holding.commit).start()
        assert pool.submit(migrate, database, email_migration()).result(60).state is State.VERIFIED
    assert run(database, "SELECT count(*) FROM pgtide.quarantine") == [(0,)]
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED
