"""Killed before, after and in the middle of any statement of finalize, the building goes on."""

import threading
import time

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.errors import ConnectionLost, Failed
from pgtide.events import Event, Listener, StatementBegan, StatementEnded
from pgtide.model.state import Phase, State
from pgtide.postgres.embedded import Server
from tests.driving import migrate, refusal, undo
from tests.schema import dumped
from tests.server import fresh_database
from tests.small_table import SMALL_ID, create_small, run, small_migration

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

MIGRATION = small_migration(ReplaceColumn("a", type="bigint", down="a::int"))
SHAPE = (
    "CREATE INDEX partial ON public.t (a) WHERE a > 7",
    "ALTER TABLE public.t ADD CONSTRAINT single UNIQUE (a) DEFERRABLE",
    "ALTER TABLE public.t ADD CONSTRAINT self FOREIGN KEY (a) REFERENCES public.t (id)",
    "ALTER TABLE public.t ADD CONSTRAINT positive CHECK (a > 0), ALTER COLUMN a SET NOT NULL",
    "CREATE STATISTICS pair ON a, id FROM public.t",
    "COMMENT ON CONSTRAINT positive ON public.t IS 'more than nothing'",
)
KILL = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND application_name LIKE 'pgtide worker%'"
)
WAITING = " AND state = 'active' AND wait_event_type = 'Lock'"


def create(url: str) -> None:
    create_small(url)
    run(url, *SHAPE)


def label(event: Event) -> str:
    match event:
        case StatementBegan(step=step, ordinal=ordinal) if step.startswith("finalize."):
            return f"{step} {ordinal} began"
        case StatementEnded(step=step, ordinal=ordinal) if step.startswith("finalize."):
            return f"{step} {ordinal} ended"
        case _:
            return ""


def killing(url: str, at: str) -> Listener:
    killed = threading.Event()

    def listen(event: Event) -> None:
        if label(event) == at and not killed.is_set():
            killed.set()
            assert run(url, KILL) == [(True,)], "the worker was not found"

    return listen


def goes_on_after(url: str, emit: Listener, built: str, shape: str) -> None:
    """Kill a run, go on, and take it back; each time the table is as without the kill."""
    error = refusal(lambda: migrate(url, MIGRATION, emit=emit))
    assert isinstance(error, ConnectionLost)
    assert migrate(url, MIGRATION).state is State.VERIFIED
    assert dumped(url, "public.t") == built
    assert undo(url, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(url, "public.t") == shape


def test_killed_before_or_after_any_statement_it_goes_on_and_can_be_undone(server: Server) -> None:
    labels: list[str] = []
    with fresh_database(server) as url:
        create(url)
        name, shape = url.rsplit("/", 1)[1], dumped(url, "public.t")
        with fresh_database(server, name) as whole:
            migrate(whole, MIGRATION, emit=lambda event: labels.append(label(event)))
            built = dumped(whole, "public.t")
        places = [one for one in labels if one]
        assert len(places) >= 2 * 12
        for place in places:
            with fresh_database(server, name) as clone:
                goes_on_after(clone, killing(clone, place), built, shape)


class Stopper:
    """Make a statement of the worker's wait, kill the worker in the midst of it, and let go."""

    def __init__(self, url: str, step: str) -> None:
        self._url, self._step = url, step
        self._threads: list[threading.Thread] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, StatementBegan) and self._step in event.step and not self._threads:
            # What a writer has open keeps a concurrent build waiting, and DDL keeps VALIDATE.
            holder = psycopg.connect(self._url)
            holder.execute("UPDATE public.t SET id = id WHERE id = 1")
            if "validate" in self._step:
                holder.execute("LOCK TABLE public.t IN SHARE UPDATE EXCLUSIVE MODE")
            self._threads.append(threading.Thread(target=self._kill, args=(holder,)))
            self._threads[0].start()

    def _kill(self, holder: psycopg.Connection) -> None:
        with holder:
            deadline = time.monotonic() + 20
            while not (found := run(self._url, KILL + WAITING)) and time.monotonic() < deadline:
                time.sleep(0.01)
            self.killed = found == [(True,)]
            holder.rollback()

    def joined(self) -> bool:
        for thread in self._threads:
            thread.join()
        return self.killed


@pytest.mark.parametrize("step", ["index._pgtide", "validate._pgtide"])
def test_killed_in_the_middle_of_a_build_it_goes_on(database: str, step: str) -> None:
    create(database)
    shape, stopper = dumped(database, "public.t"), Stopper(database, f"finalize.{step}")
    error = refusal(lambda: migrate(database, MIGRATION, emit=stopper))
    assert stopper.joined()
    assert isinstance(error, ConnectionLost)
    invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
    assert run(database, invalid) == [(1 if "index" in step else 0,)]
    assert migrate(database, MIGRATION).state is State.VERIFIED
    assert run(database, invalid) == [(0,)]
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.t") == shape


# What `up` makes of the value 401, which comes after preflight.
MISFITS = {
    "UNIQUE (a)": ("a / 2 * 2", "could not create unique index"),
    "CHECK (a < 402)": ("a + 1", "is violated by some row"),
    "FOREIGN KEY (a) REFERENCES public.ids": ("a + 1", "violates foreign key constraint"),
}


@pytest.mark.parametrize("constraint", MISFITS)
def test_values_that_do_not_fit_are_named_and_nothing_half_built_refuses_writes(
    database: str, constraint: str
) -> None:
    up, reason = MISFITS[constraint]
    create_small(database)
    run(
        database,
        "DELETE FROM public.t WHERE a % 2 = 1 OR a > 400",
        "CREATE TABLE public.ids (id int PRIMARY KEY)",
        "INSERT INTO public.ids SELECT generate_series(1, 401)",
        f"ALTER TABLE public.t ADD CONSTRAINT one {constraint}",
    )
    shape = dumped(database, "public.t")
    migration = small_migration(ReplaceColumn("a", type="int", up=up, down="a"))
    migrate(database, migration, until=Phase.BACKFILL)
    run(database, "INSERT INTO public.t VALUES (9001, 401)")
    error = refusal(lambda: migrate(database, migration))
    assert isinstance(error, Failed)
    assert "do not fit the twin of one" in error.what
    assert reason in error.what
    assert "pgtide down" in error.remedy
    assert run(database, "SELECT count(*) FROM pg_index WHERE NOT indisvalid") == [(0,)]
    # Nothing on the new column keeps the application from writing what the old one allows.
    run(database, "UPDATE public.t SET id = id")
    run(database, "DELETE FROM public.t WHERE a = 401")
    assert migrate(database, migration).state is State.VERIFIED
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.t") == shape
