"""A table that is renamed, replaced, moved or dropped in the middle of its migration."""

import pytest

from pgtide import AddColumn
from pgtide.events import BatchCommitted, Event
from pgtide.model.state import Phase, State
from tests.driving import migrate, record_of, refusal, undo
from tests.small_table import SMALL_ID, create_small, run, small_migration

NUMBER = AddColumn("n", type="int", backfill="a")
STRANGER = (
    "CREATE TABLE public.t (id int PRIMARY KEY, a int, n int)",
    "INSERT INTO public.t SELECT g, g, NULL FROM generate_series(1, 500) g",
)


@pytest.mark.parametrize(
    "move",
    [
        ("ALTER TABLE public.t RENAME TO elsewhere",),
        ("CREATE SCHEMA away", "ALTER TABLE public.t SET SCHEMA away"),
    ],
)
def test_another_table_of_the_name_is_left_alone(database: str, move: tuple[str, ...]) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER), until=Phase.EXPAND)
    run(database, *move, *STRANGER)
    for act in (
        lambda: migrate(database, small_migration(NUMBER)),
        lambda: undo(database, SMALL_ID),
    ):
        error = refusal(act)
        assert "public.t is called" in error.what
        assert "Give it its old name back" in error.remedy
    assert record_of(database, SMALL_ID).state is State.EXPANDED
    assert run(database, "SELECT count(*), count(n) FROM public.t") == [(500, 0)]


def test_a_batch_does_not_follow_a_name_to_another_table(database: str) -> None:
    run(
        database,
        "CREATE TABLE public.t (id int PRIMARY KEY, a int, wide text)",
        "INSERT INTO public.t SELECT g, g, repeat('x', 500) FROM generate_series(1, 9000) g",
    )
    seen: list[Event] = []

    def swap(event: Event) -> None:
        if isinstance(event, BatchCommitted):
            seen.append(event)
        if isinstance(event, BatchCommitted) and len(seen) == 1:
            run(database, "ALTER TABLE public.t RENAME TO elsewhere", *STRANGER)

    refusal(lambda: migrate(database, small_migration(NUMBER), emit=swap))
    assert run(database, "SELECT count(n) FROM public.t") == [(0,)]


def test_the_migration_of_a_dropped_table_can_be_ended_and_begun_anew(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(NUMBER), until=Phase.BACKFILL)
    run(database, "DROP TABLE public.t", *STRANGER)
    assert "was dropped" in refusal(lambda: migrate(database, small_migration(NUMBER))).what
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, "SELECT id, a, n FROM public.t WHERE id = 7") == [(7, 7, None)]
    assert run(database, "SELECT proname FROM pg_proc WHERE starts_with(proname, 'm_')") == []
    run(database, "ALTER TABLE public.t DROP COLUMN n")
    assert migrate(database, small_migration(NUMBER)).state is State.VERIFIED
