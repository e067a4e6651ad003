"""An application goes on writing a partitioned table, and moves rows between its partitions."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.later import contract, purge
from tests.parted import OUT_OF_STEP, PARTED_ID, create_orders, orders_migration
from tests.schema import dumped
from tests.small_table import run

Row = tuple[int, str | None, int]  # day, state, amount
_PAUSE = 0.001
_STATES = (None, "new", "paid", "sent")


class Application:
    """Write rows of its own, by their final names, and keep account of them."""

    def __init__(self, url: str, *, number: int, rows: int) -> None:
        self.rows: dict[int, Row] = {}
        self.failures: list[str] = []
        self.moved = 0
        self._url, self._chance = url, random.Random(number)
        self._fresh = 1_000_000 * (number + 1)
        for key, *row in run(url, "SELECT id, day, state, amount FROM public.orders"):
            if int(str(key)) % rows == number:
                self.rows[int(str(key))] = tuple(row)  # type: ignore[assignment]

    def work(self, stop: threading.Event) -> None:
        acts: tuple[Callable[[psycopg.Connection], None], ...] = (
            self._insert,
            self._write,
            self._move,
            self._write_and_move,
            self._delete,
        )
        with psycopg.connect(self._url, autocommit=True, prepare_threshold=None) as session:
            while not stop.wait(_PAUSE):
                act = self._chance.choice(acts)
                try:
                    act(session)
                except psycopg.Error as error:
                    self.failures.append(f"{act.__name__}: {error}")

    def _row(self) -> Row:
        chance = self._chance
        return chance.randrange(10), chance.choice(_STATES), chance.randrange(1_000_000)

    def _insert(self, session: psycopg.Connection) -> None:
        self._fresh += 1
        row = self._row()
        session.execute(
            "INSERT INTO public.orders (id, day, state, amount) VALUES (%s, %s, %s, %s)",
            (self._fresh, *row),
        )
        self.rows[self._fresh] = row

    def _write(self, session: psycopg.Connection) -> None:
        self._update(session, moves=False, writes=True)

    def _move(self, session: psycopg.Connection) -> None:
        self._update(session, moves=True, writes=False)

    def _write_and_move(self, session: psycopg.Connection) -> None:
        self._update(session, moves=True, writes=True)

    def _update(self, session: psycopg.Connection, *, moves: bool, writes: bool) -> None:
        key = self._chance.choice(list(self.rows))
        old, new = self.rows[key], self._row()
        row = (new[0] if moves else old[0], *(new[1:] if writes else old[1:]))
        columns = [*(("day",) if moves else ()), *(("state", "amount") if writes else ())]
        values = [*(row[:1] if moves else ()), *(row[1:] if writes else ())]
        settings = ", ".join(f"{column} = %s" for column in columns)
        session.execute(
            f"UPDATE public.orders SET {settings} WHERE id = %s".encode(), (*values, key)
        )
        self.rows[key] = row
        self.moved += old[0] != row[0]

    def _delete(self, session: psycopg.Connection) -> None:
        key = self._chance.choice(list(self.rows))
        session.execute("DELETE FROM public.orders WHERE id = %s", (key,))
        del self.rows[key]


@contextmanager
def applications(url: str, *, number: int = 2) -> Iterator[list[Application]]:
    """Run applications for as long as the block does."""
    stop, at_work = (
        threading.Event(),
        [Application(url, number=one, rows=number) for one in range(number)],
    )
    threads = [threading.Thread(target=one.work, args=(stop,)) for one in at_work]
    for thread in threads:
        thread.start()
    try:
        yield at_work
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def held(url: str) -> dict[int, Row]:
    rows = run(url, "SELECT id, day, state, amount FROM public.orders")
    return {int(str(key)): tuple(row) for key, *row in rows}  # type: ignore[misc]


@pytest.mark.parametrize("kind", ["range", "hash", "nested"])
def test_nothing_is_lost_and_nobody_fails_all_the_way(database: str, kind: str) -> None:
    create_orders(database, kind, rows=8000)
    with applications(database) as writing:
        assert migrate(database, orders_migration()).state is State.VERIFIED
        contract(database, PARTED_ID)
        # The triggers go with purge, and a release that does not know the new column with it.
        assert run(database, OUT_OF_STEP) == [(0,)]
        purge(database, PARTED_ID)

    assert [failure for one in writing for failure in one.failures] == []
    assert min(one.moved for one in writing) > 5
    assert held(database) == {key: row for one in writing for key, row in one.rows.items()}


def test_nothing_is_lost_on_the_way_back(database: str) -> None:
    create_orders(database, rows=8000)
    before = dumped(database, "public.*")
    with applications(database) as writing:
        assert migrate(database, orders_migration()).state is State.VERIFIED
        assert run(database, OUT_OF_STEP) == [(0,)]
        contract(database, PARTED_ID)
        undo(database, PARTED_ID)

    assert [failure for one in writing for failure in one.failures] == []
    assert held(database) == {key: row for one in writing for key, row in one.rows.items()}
    assert dumped(database, "public.*") == before
