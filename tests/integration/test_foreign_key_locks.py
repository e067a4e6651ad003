"""Where a foreign key goes, the table that it refers to is locked too: first, and named."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.events import Event, Listener, LockWaited, StepEnded
from pgtide.model.state import Phase, State
from tests.driving import migrate, undo
from tests.later import contract, purge
from tests.psql import undo_from_psql
from tests.roles import temporary_role
from tests.server import name_of
from tests.small_table import ROWS, SMALL_ID, create_small, run, small_migration

INTERIM = ReplaceColumn("a", interim="a_v2", type="int")
PRIVATE = ReplaceColumn("a", type="bigint")
READ = "SELECT count(*) FROM public.parent"
WRITE = "UPDATE public.parent SET n = n + 1 WHERE id = 1"
LOCKS = (
    "SELECT mode, granted FROM pg_locks WHERE relation = 'public.{}'::regclass"
    " AND mode IN ('AccessExclusiveLock', 'ShareRowExclusiveLock')"
)

Act = Callable[[str, Listener], None]


def go_down(url: str, emit: Listener) -> None:
    assert undo(url, SMALL_ID, emit=emit).state is State.ROLLED_BACK


def from_psql(url: str, emit: Listener) -> None:
    answer = undo_from_psql(url, "1.0.0")
    assert answer.undone, answer.said
    for line in answer.said.splitlines():
        if "in the way" in line:
            emit(LockWaited(step="psql", attempt=1, tries=1, blockers=(line,)))


def purged(url: str, emit: Listener) -> None:
    assert purge(url, SMALL_ID, emit=emit).state is State.COMPLETED


@dataclass
class Case:
    """How a migration is brought to where a foreign key of its goes, and what takes it away."""

    act: Act
    change: ReplaceColumn = INTERIM
    contracted: bool = False

    def prepared(self, url: str) -> None:
        migrate(url, small_migration(self.change))
        if self.contracted:
            contract(url, SMALL_ID, release="1.1.0")


CASES = {
    "down": Case(go_down),
    "down, contracted": Case(go_down, PRIVATE, contracted=True),
    "psql": Case(from_psql),
    "psql, contracted": Case(from_psql, INTERIM, contracted=True),
    "psql, contracted, private": Case(from_psql, PRIVATE, contracted=True),
    "purge": Case(purged, INTERIM, contracted=True),
    "purge, private": Case(purged, PRIVATE, contracted=True),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


@pytest.fixture
def table(database: str) -> str:
    create_small(database)
    run(
        database,
        "CREATE TABLE public.parent (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)",
        f"INSERT INTO public.parent SELECT g FROM generate_series(1, {ROWS}) g",
        "ALTER TABLE public.t ADD CONSTRAINT t_parent FOREIGN KEY (a) REFERENCES public.parent",
    )
    return database


@dataclass
class Held:
    """What was seen while a session kept the referenced table."""

    # Locks on the table itself while the one that it refers to was waited for.
    meanwhile: list[tuple[object, ...]] = field(default_factory=list)


@contextmanager
def holding(url: str, statement: str, name: str = "parent") -> Iterator[Held]:
    """Keep the referenced table until somebody has waited for it for a while, then let it go."""
    held, ready, seen, over = Held(), threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        with psycopg.connect(url, application_name="holder") as holder:
            holder.execute(statement.encode())
            ready.set()
            with psycopg.connect(url, autocommit=True) as watcher:
                until = time.monotonic() + 20
                while time.monotonic() < until and not over.is_set() and not seen.is_set():
                    waits = watcher.execute(LOCKS.format(name).encode()).fetchall()
                    if any(not granted for _, granted in waits):
                        found = watcher.execute(LOCKS.format("t").encode()).fetchall()
                        held.meanwhile += [lock for lock in found if lock[1]]
                        # Long enough for a try to end in vain.
                        time.sleep(0.5)
                        seen.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait()
    try:
        yield held
    finally:
        over.set()
        thread.join()
    assert seen.is_set(), "nobody waited for the referenced table"


def waits(events: list[Event]) -> list[LockWaited]:
    return [event for event in events if isinstance(event, LockWaited)]


@every_case
@pytest.mark.wide
def test_who_holds_the_referenced_table_is_named_and_the_table_stays_free(
    table: str, case: Case
) -> None:
    case.prepared(table)
    events: list[Event] = []
    with holding(table, READ) as held:
        case.act(table, events.append)
    assert held.meanwhile == []
    said = waits(events)[0].blockers[0]
    assert "holder" in said
    assert said.endswith(" on public.parent"), said


def test_a_foreign_key_comes_in_the_same_order(table: str) -> None:
    events: list[Event] = []
    with holding(table, WRITE) as held:
        migrate(table, small_migration(INTERIM), emit=events.append)
    assert held.meanwhile == []
    assert waits(events)[0].step.startswith("finalize.add.")
    assert waits(events)[0].blockers[0].endswith(" on public.parent")


def test_who_reads_the_referenced_table_is_in_the_way_of_nothing_else(table: str) -> None:
    events: list[Event] = []
    with psycopg.connect(table) as reader:
        reader.execute(READ.encode())
        migrate(table, small_migration(INTERIM), emit=events.append)
        contract(table, SMALL_ID, release="1.1.0", emit=events.append)
    assert waits(events) == []


def test_no_other_table_is_locked_where_no_foreign_key_goes(table: str) -> None:
    migrate(table, small_migration(INTERIM), until=Phase.BACKFILL)
    events: list[Event] = []
    with psycopg.connect(table) as reader:
        reader.execute(READ.encode())
        go_down(table, events.append)
    assert waits(events) == []


def test_the_partitions_of_a_referenced_table_are_waited_for_too(database: str) -> None:
    create_small(database)
    run(
        database,
        "CREATE TABLE public.parent (id int PRIMARY KEY) PARTITION BY RANGE (id)",
        "CREATE TABLE public.low PARTITION OF public.parent FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE public.high PARTITION OF public.parent FOR VALUES FROM (100) TO (1000)",
        f"INSERT INTO public.parent SELECT g FROM generate_series(1, {ROWS}) g",
        "ALTER TABLE public.t ADD CONSTRAINT t_parent FOREIGN KEY (a) REFERENCES public.parent",
    )
    for case in (Case(go_down), Case(from_psql), Case(purged, contracted=True)):
        case.prepared(database)
        events: list[Event] = []
        with holding(database, "SELECT count(*) FROM public.low", "low") as held:
            case.act(database, events.append)
        assert held.meanwhile == []
        assert waits(events)[0].blockers[0].endswith(" on public.low")


@pytest.mark.untouched
def test_who_may_only_refer_to_a_table_takes_its_foreign_key_away_all_the_same(table: str) -> None:
    with temporary_role(table) as (name, url):
        run(
            table,
            f"ALTER TABLE public.t OWNER TO {name}",
            f"GRANT REFERENCES ON public.parent TO {name}",
            f"GRANT CREATE ON SCHEMA public TO {name}",
            f"GRANT CREATE ON DATABASE {name_of(table)} TO {name}",
        )
        for act in (go_down, from_psql):
            migrate(url, small_migration(INTERIM))
            act(url, lambda _: None)


@every_case
@pytest.mark.wide
def test_an_application_that_begins_with_the_referenced_table_goes_on(
    table: str, case: Case
) -> None:
    case.prepared(table)
    events: list[Event] = []
    with writing(table) as seen:
        time.sleep(0.3)
        case.act(table, events.append)
    assert seen.failures == []
    assert len(seen.seconds) > 50
    # A try may end in vain: half of a second's load of sessions, each a moment behind another.
    assert max(seen.seconds) < 1.0
    assert len(waits(events)) <= 5
    ended = [event for event in events if isinstance(event, StepEnded) and event.tries > 1]
    assert all(event.seconds < 5 for event in ended)


@dataclass
class Seen:
    """How long each transaction took, and how those failed that did."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@contextmanager
def writing(url: str, sessions: int = 4) -> Iterator[Seen]:
    """Write the referenced table, think, and then write the table, over and over."""
    seen, stop = Seen(), threading.Event()

    def work(mine: int) -> None:
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
            while not stop.wait(0.002):
                begun = time.monotonic()
                try:
                    with session.transaction():
                        session.execute(WRITE.replace("= 1", f"= {mine}").encode())
                        time.sleep(0.005)
                        session.execute(
                            f"UPDATE public.t SET a = {mine} WHERE id = {mine}".encode()
                        )
                except psycopg.Error as error:
                    seen.failures.append(str(error))
                seen.seconds.append(time.monotonic() - begun)

    threads = [threading.Thread(target=work, args=(one,)) for one in range(1, sessions + 1)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()
