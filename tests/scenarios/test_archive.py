"""The archive holds what the table held when it was undone, whatever was written meanwhile."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from pgtide import AddColumn, Index
from pgtide.events import BatchBegan, BatchCommitted, Event, Listener
from pgtide.ledger.slices import Kind
from tests.driving import migrate, refusal, undo
from tests.later import once
from tests.small_table import ROWS, SMALL_ID, create_small, run, small_migration

NUMBER = AddColumn("n", type="int", backfill="a")


def during_the_walk(kind: type[BatchBegan | BatchCommitted], act: Callable[[], object]) -> Listener:
    """Return a listener that acts once, at the first batch of the archive."""
    acted = threading.Event()

    def listen(event: Event) -> None:
        archiving = isinstance(event, kind) and event.kind == Kind.ARCHIVE
        if archiving and not acted.is_set():
            acted.set()
            act()

    return listen


def watched(url: str) -> Listener:
    """Return a listener that makes a view when an undo has looked what is in its way."""
    view = "CREATE VIEW public.watching AS SELECT n FROM public.t"
    return once("undo.shape", lambda: run(url, view))


def archived(url: str, key: str = "id") -> dict[object, object]:
    rows = run(url, f"SELECT key ->> '{key}', \"values\" FROM pgtide.archive")
    return {row[0]: row[1] for row in rows}


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        ("UPDATE public.t SET n = 777 WHERE id = 7", {"7": {"n": 777}}),
        ("UPDATE public.t SET n = NULL WHERE id = 7", {}),
        ("DELETE FROM public.t WHERE id = 7", {}),
        ("UPDATE public.t SET id = 7000 WHERE id = 7", {"7000": {"n": 7}}),
        ("INSERT INTO public.t (id, a, n) VALUES (7000, 1, 9)", {"7": {"n": 7}, "7000": {"n": 9}}),
    ],
)
def test_a_write_after_the_walk_came_by_is_in_the_archive(
    database: str, write: str, expected: dict[str, object]
) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    undo(database, SMALL_ID, emit=during_the_walk(BatchCommitted, lambda: run(database, write)))
    found = archived(database)
    assert {key: found[key] for key in ("7", "7000") if key in found} == expected
    assert all(found[str(i)] == {"n": i} for i in range(8, ROWS + 1))


def test_the_walk_never_writes_over_what_was_written_while_it_read(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    with psycopg.connect(database) as writer:

        def write_and_commit_later() -> None:
            writer.execute("UPDATE public.t SET n = 999 WHERE id = 400")
            writer.execute("UPDATE public.t SET n = NULL WHERE id = 401")
            writer.execute("DELETE FROM public.t WHERE id = 402")
            threading.Timer(0.05, writer.commit).start()

        undo(database, SMALL_ID, emit=during_the_walk(BatchBegan, write_and_commit_later))
    found = archived(database)
    assert found["400"] == {"n": 999}
    assert not {"401", "402"} & set(found)


def test_a_key_is_one_key_in_whatever_time_zone_it_is_written(database: str) -> None:
    run(
        database,
        "CREATE TABLE public.t (at timestamptz PRIMARY KEY, a int)",
        "INSERT INTO public.t VALUES ('2024-01-01 00:00Z', 1)",
    )
    migrate(database, small_migration(NUMBER))
    write = ("SET TimeZone = 'America/New_York'", "UPDATE public.t SET n = 777")
    undo(database, SMALL_ID, emit=during_the_walk(BatchCommitted, lambda: run(database, *write)))
    assert archived(database, "at") == {"2024-01-01T00:00:00+00:00": {"n": 777}}


def test_the_nulls_inside_a_value_are_kept(database: str) -> None:
    create_small(database)
    value = """'{"x": null, "y": [null]}'::jsonb"""
    migrate(database, small_migration(AddColumn("n", type="jsonb", backfill=value)))
    undo(database, SMALL_ID)
    assert archived(database)["7"] == {"n": {"x": None, "y": [None]}}


def test_what_json_holds_and_jsonb_refuses_is_kept_as_text(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(AddColumn("n", type="json")))
    run(database, """UPDATE public.t SET n = '{"nul": "\\u0000"}' WHERE id = 7""")
    undo(database, SMALL_ID)
    assert archived(database) == {"7": {"n": '{"nul": "\\u0000"}'}}


def test_an_archive_that_was_left_unwatched_is_filled_anew(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    refusal(lambda: undo(database, SMALL_ID, emit=watched(database)))
    [(trigger,)] = run(
        database,
        "SELECT quote_ident(tgname) FROM pg_trigger"
        " WHERE tgrelid = 'public.t'::regclass AND tgname LIKE '%a'",
    )
    run(
        database,
        f"DROP TRIGGER {trigger} ON public.t",
        "UPDATE public.t SET n = 999 WHERE id = 7",
        "DROP VIEW public.watching",
    )
    undo(database, SMALL_ID)
    assert archived(database)["7"] == {"n": 999}


def test_an_undo_that_cannot_archive_leaves_the_application_alone(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER, Index("t_a", on="a")))
    run(database, "ALTER TABLE public.t DROP COLUMN n CASCADE")
    error = refusal(lambda: undo(database, SMALL_ID))
    assert "column t.n does not exist" in error.what
    run(database, "UPDATE public.t SET a = a + 1 WHERE id = 1")
    run(database, "ALTER TABLE public.t ADD COLUMN n int")
    assert undo(database, SMALL_ID).state == "rolled_back"


def test_an_undo_that_cannot_drop_a_column_names_what_uses_it(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER))
    error = refusal(lambda: undo(database, SMALL_ID, emit=watched(database)))
    assert "view public.watching" in error.what
    assert "then run `pgtide down 1.0.0` again" in error.remedy
    run(database, "UPDATE public.t SET n = 4711 WHERE id = 7", "DROP VIEW public.watching")
    undo(database, SMALL_ID)
    assert archived(database)["7"] == {"n": 4711}
