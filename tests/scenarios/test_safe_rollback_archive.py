"""An undo from psql archives what the table held when its columns went, whoever wrote meanwhile."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.errors import QueryCanceled, UndefinedColumn

from pgtide import AddColumn, ReplaceColumn
from pgtide.model.state import State
from tests.driving import migrate, record_of, undo
from tests.later import contract
from tests.lock_watch import watching_locks
from tests.prober import noise, probing
from tests.psql import Answer, undo_from_psql
from tests.scenarios.child import carried_out
from tests.scenarios.killed import Order
from tests.schema import dumped
from tests.small_table import ROWS, SMALL_ID, create_small, run, small_migration
from tests.table_state import old_rows, schema_dump
from tests.users import create_users, email_migration

pytestmark = pytest.mark.long

NUMBER = AddColumn("n", type="int", backfill="a")
WATCHER = "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgname LIKE '~zz_pgtide%w'"


def archived(url: str) -> dict[int, object]:
    rows = run(url, "SELECT (key ->> 'id')::int, \"values\" ->> 'n' FROM pgtide.archive")
    return {int(str(key)): int(str(value)) for key, value in rows}


def undo_small(url: str) -> Answer:
    return undo_from_psql(url, "1.0.0")


@contextmanager
def writing(url: str) -> Iterator[dict[int, object]]:
    """Write to every kind of row until the column goes; yield what it held by then."""
    held: dict[int, object] = {i: i for i in range(1, ROWS + 1)}
    begun = threading.Event()

    def write() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            for turn in range(10**6):
                key, other = turn % ROWS + 1, 10_000 + turn
                session.execute("UPDATE public.t SET n = %s WHERE id = %s", [other, key])
                held.update({key: other} if key in held else {})
                session.execute("INSERT INTO public.t (id, a, n) VALUES (%s, 1, 1)", [other])
                held[other] = 1
                session.execute(
                    "UPDATE public.t SET id = -id, n = 2 WHERE id = %s AND n IS NOT NULL", [other]
                )
                held[-other] = 2
                del held[other]
                session.execute("DELETE FROM public.t WHERE id = %s AND n = 2", [-other + 3])
                held.pop(-other + 3, None)
                begun.set()

    def until_the_column_goes() -> None:
        with pytest.raises(UndefinedColumn):
            write()

    thread = threading.Thread(target=until_the_column_goes)
    thread.start()
    begun.wait(30)
    try:
        yield held
    finally:
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def reading(url: str, *, seconds: float) -> Iterator[None]:
    with psycopg.connect(url) as reader:
        reader.execute("SELECT FROM public.t LIMIT 1")
        timer = threading.Timer(seconds, reader.rollback)
        timer.start()
        yield
        timer.join()


def test_what_is_written_while_it_archives_and_waits_is_archived(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    with writing(database) as held, reading(database, seconds=2):
        answer = undo_small(database)
        assert answer.undone, answer
    assert "in the way" in answer.said
    assert len(held) > ROWS
    assert archived(database) == held
    assert run(database, "SELECT count(*) FROM pgtide.archive_late") == [(0,)]


def test_a_transaction_that_wrote_before_the_undo_began_is_waited_for(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    with psycopg.connect(database, application_name="slow writer") as writer:
        writer.execute("UPDATE public.t SET n = 777 WHERE id = 7")
        threading.Timer(1, writer.commit).start()
        answer = undo_small(database)
    assert answer.undone, answer
    assert archived(database)[7] == 777


def test_nobody_waits_for_an_undo_that_waits_for_a_writer(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    write = "UPDATE public.t SET a = a + 1 WHERE id = 1"
    with psycopg.connect(database) as writer:
        writer.execute("UPDATE public.t SET n = 777 WHERE id = 7")
        quiet = noise(database, write, seconds=1)
        with probing(database, write) as stalls:
            threading.Timer(3, writer.commit).start()
            assert undo_small(database).undone
    assert stalls.failures == []
    assert stalls.longest < quiet + 0.5


def test_a_cancelled_undo_leaves_nothing_and_nothing_more_is_written_down(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    with (
        reading(database, seconds=2),
        psycopg.connect(database, autocommit=True) as dba,
    ):
        dba.execute("SET statement_timeout = '1s'")
        with pytest.raises(QueryCanceled):
            dba.execute("SELECT pgtide.safe_rollback_migration('1.0.0')")
        run(database, "UPDATE public.t SET n = 999 WHERE id = 9")
    assert record_of(database, SMALL_ID).state is State.VERIFIED
    assert run(database, "SELECT count(*) FROM pgtide.archive_late") == [(0,)]
    assert archived(database) == {}
    assert undo_small(database).undone
    assert archived(database)[9] == 999


def test_an_undo_that_fails_archives_nothing(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    run(database, "CREATE VIEW public.report AS SELECT n FROM public.t")
    assert not undo_small(database).undone
    assert archived(database) == {}
    run(database, "UPDATE public.t SET n = 999 WHERE id = 9", "DROP VIEW public.report")
    assert undo_small(database).undone
    assert archived(database)[9] == 999


def test_without_the_trigger_that_watches_it_is_archived_under_the_lock(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    [(name,)] = run(database, WATCHER)
    run(database, f"DROP TRIGGER {name} ON public.t")
    with writing(database) as held:
        assert undo_small(database).undone
    assert archived(database) == held


def test_rows_without_a_key_are_archived_whole(database: str) -> None:
    run(
        database,
        "CREATE TABLE public.t (a int)",
        "INSERT INTO public.t VALUES (1), (1), (2)",
    )
    migrate(database, small_migration(NUMBER))
    assert undo_small(database).undone
    keys = run(database, "SELECT key, \"values\" FROM pgtide.archive ORDER BY key ->> 'a'")
    assert keys == [({"a": 1, "n": 1}, {"n": 1}), ({"a": 2, "n": 2}, {"n": 2})]


def undone_by_command(url: str) -> None:
    assert undo(url, SMALL_ID).state is State.ROLLED_BACK


def undone_from_psql(url: str) -> None:
    answer = undo_small(url)
    assert answer.undone, answer


@pytest.mark.parametrize("act", [undone_by_command, undone_from_psql])
def test_after_contract_what_down_would_lose_is_found_under_the_new_name(
    database: str, act: Callable[[str], None]
) -> None:
    """`down` makes 7 of '007': whoever wrote that, before contract or after, by whatever name."""
    create_small(database)
    migration = small_migration(ReplaceColumn("a", type="text", up="a::text", down="a::int"))
    shape = dumped(database, "public.t")
    migrate(database, migration)
    [pair] = record_of(database, SMALL_ID).plan.replacements
    run(
        database,
        f"UPDATE public.t SET \"{pair.new}\" = '007' WHERE id = 1",
        f"UPDATE public.t SET \"{pair.new}\" = '008' WHERE id = 2",
    )
    assert contract(database, SMALL_ID, release="1.1.0").state is State.CONTRACTED
    run(
        database,
        "UPDATE public.t SET a = '8' WHERE id = 2",
        "UPDATE public.t SET a = '+3' WHERE id = 3",
        "INSERT INTO public.t (id, a) VALUES (1001, '042'), (1002, '42'), (1003, NULL)",
        "UPDATE public.t SET id = 2001 WHERE id = 1001",
        "UPDATE public.t SET a = '009' WHERE id = 9",
        "DELETE FROM public.t WHERE id = 9",
    )
    act(database)
    assert dumped(database, "public.t") == shape
    some = "SELECT id, a FROM public.t WHERE id < 4 OR id IN (9, 1002, 1003, 2001) ORDER BY id"
    assert run(database, some) == [(1, 7), (2, 8), (3, 3), (1002, 42), (1003, None), (2001, 42)]
    kept = run(database, "SELECT (key ->> 'id')::int, \"values\" FROM pgtide.archive ORDER BY 1")
    assert kept == [
        (1, {pair.new: "007"}),
        (3, {pair.new: "+3"}),
        (2001, {pair.new: "042"}),
    ]


def test_an_archive_that_pgtide_down_left_half_filled_is_put_away_first(database: str) -> None:
    create_users(database, rows=5000)
    shape = schema_dump(database)
    assert carried_out(Order(url=database)).code == 0
    assert carried_out(Order(url=database, action="down", at="BatchCommitted")).code == -9
    run(database, "UPDATE public.users SET name = 'late' WHERE id = 3")

    answer = undo_from_psql(database)
    assert not answer.undone
    assert "call this again" in answer.said
    assert run(database, "SELECT count(*) FROM pgtide.archive") == [(0,)]

    with psycopg.connect(database) as connection:
        before = old_rows(connection)
    answer = undo_from_psql(database)
    assert answer.undone, answer
    assert schema_dump(database) == shape
    with psycopg.connect(database) as connection:
        assert old_rows(connection) == before
    assert run(database, "SELECT count(*) > 1000 FROM pgtide.archive") == [(True,)]


# Every other row has nothing to keep: what was archived of it is looked for and taken away.
WRITE = (
    "UPDATE public.users SET email_verified = NOT email_verified"
    " WHERE id = 3 * (SELECT 1 + floor(random() * 5000)::int)"
)


def hold_of_an_undo(url: str, rows: int) -> float:
    """Return for how long the table was locked when a migration of so many rows was undone."""
    create_users(url, rows=rows)
    migrate(url, email_migration())
    with watching_locks(url, "public.users") as holds, probing(url, WRITE):
        answer = undo_from_psql(url)
    assert answer.undone, answer
    assert holds.sightings
    [(kept,)] = run(url, "SELECT count(*) FROM pgtide.archive")
    assert int(str(kept)) > rows / 3
    run(url, "DROP TABLE public.users", "DROP SCHEMA pgtide CASCADE")
    return holds.longest


def test_the_lock_is_held_no_longer_for_a_table_of_twenty_times_the_rows(database: str) -> None:
    """Archiving 100,000 rows takes a second or more: that must not be under the lock.

    Nor must reading them all again for what was written meanwhile, which took a minute.
    """
    small, big = (
        min(hold_of_an_undo(database, rows) for _ in range(3)) for rows in (5_000, 100_000)
    )
    assert big < 2 * small + 0.1, (small, big)
