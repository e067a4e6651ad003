"""A walk along a key while everything moves: rows, keys, the index, the table under it."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import psycopg
import pytest

from pgtide import Backfill
from pgtide.errors import Failed
from pgtide.events import BatchBegan, BatchCommitted, CanaryPassed, Event
from pgtide.model.state import Phase, State
from tests.driving import migrate, refusal, settings_for
from tests.poisoned import create_poisoned_users, held, out_of_step
from tests.scenarios.keyed import KEYED, Batches, create_keyed, keyed_migration
from tests.small_table import run
from tests.users import create_users, email_migration

ROWS = 20_000
_PAUSE = 0.001
USERS = replace(email_migration(), backfill=KEYED)


@dataclass(slots=True)
class Writer:
    """Insert, delete, and move keys across the whole table; keep account of what was told.

    Each one has keys of its own, by their rest in a division.
    """

    url: str
    number: int
    rows: dict[int, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    acts: int = 0

    def work(self, stop: threading.Event) -> None:
        chance = random.Random(self.number)
        with psycopg.connect(self.url, autocommit=True) as session:
            while not stop.is_set():
                try:
                    self._act(session, chance)
                except psycopg.Error as error:
                    self.failures.append(str(error))
                self.acts += 1
                # Leaves the machine to the migration, too.
                stop.wait(_PAUSE)

    def _act(self, session: psycopg.Connection, chance: random.Random) -> None:
        # Keys of the first rows are multiples of ten: ours lie between them, and far below.
        new = chance.randrange(-ROWS, ROWS * 10) * 10 + 1 + self.number
        if new in self.rows:
            return
        old = chance.choice(list(self.rows)) if self.rows else None
        kind = "insert" if old is None else chance.choice(("insert", "move", "move", "delete"))
        value = chance.randrange(1_000_000)
        if kind == "insert" or old is None:
            session.execute("INSERT INTO public.t (id, a) VALUES (%s, %s)", (new, value))
            self.rows[new] = value
        elif kind == "move":
            session.execute("UPDATE public.t SET id = %s, a = %s WHERE id = %s", (new, value, old))
            del self.rows[old]
            self.rows[new] = value
        else:
            session.execute("DELETE FROM public.t WHERE id = %s", (old,))
            del self.rows[old]


@contextmanager
def writing(url: str, *, many: int) -> Iterator[list[Writer]]:
    writers, stop = [Writer(url, number) for number in range(many)], threading.Event()
    threads = [threading.Thread(target=one.work, args=(stop,)) for one in writers]
    for thread in threads:
        thread.start()
    try:
        yield writers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_rows_that_come_go_and_move_along_the_key_are_all_in_step(database: str) -> None:
    create_keyed(database, "id bigint", "g * 10", rows=ROWS)
    settings = replace(settings_for(database), workers=2)
    migration = keyed_migration(Backfill(walk="key", workers=2, batch_ms=20))
    batches = Batches()
    with writing(database, many=3) as writers:
        record = migrate(database, migration, emit=batches, settings=settings)
        new = record.plan.replacements[0].new
    assert record.state is State.VERIFIED
    assert len(batches.walk) > 20
    assert [one.failures for one in writers] == [[], [], []]
    assert all(one.acts > 100 for one in writers), [one.acts for one in writers]
    kept = run(database, "SELECT id, a FROM public.t WHERE id % 10 <> 0")
    expected = {key: value for one in writers for key, value in one.rows.items()}
    assert dict(kept) == expected  # type: ignore[arg-type]  # two columns
    assert run(database, f"SELECT count(*) FROM public.t WHERE a IS DISTINCT FROM {new}") == [(0,)]
    assert run(database, "SELECT count(*) FROM public.t WHERE id % 10 = 0") == [(ROWS,)]


class Once:
    """Act once, before the n-th batch of the walk."""

    def __init__(self, act: Callable[[], object], *, nth: int = 3) -> None:
        self._act, self._left = act, nth

    def __call__(self, event: Event) -> None:
        if isinstance(event, BatchBegan) and event.kind == "walk":
            self._left -= 1
            if self._left == 0:
                self._act()


def test_an_index_that_is_built_anew_meanwhile_leads_on(database: str) -> None:
    create_keyed(database, "id int", "g", rows=ROWS)
    act = Once(lambda: run(database, "REINDEX INDEX CONCURRENTLY public.t_pkey"))
    assert migrate(database, keyed_migration(), emit=act).state is State.VERIFIED
    assert run(database, "SELECT count(*) FROM pgtide.slice WHERE state = 'void'") == [(0,)]


def test_where_the_key_goes_meanwhile_another_leads_on(database: str) -> None:
    create_keyed(database, "id int", "g", rows=ROWS)
    run(
        database,
        "ALTER TABLE public.t ADD COLUMN other int",
        "UPDATE public.t SET other = -id",
        "ALTER TABLE public.t ALTER other SET NOT NULL",
        "CREATE UNIQUE INDEX other ON public.t (other)",
    )
    act = Once(lambda: run(database, "ALTER TABLE public.t DROP CONSTRAINT t_pkey"))
    record = migrate(database, keyed_migration(), emit=act)
    assert record.state is State.VERIFIED
    led = "SELECT DISTINCT key_columns FROM pgtide.slice WHERE state <> 'void' AND kind = 'sweep'"
    assert run(database, led) == [(["other"],)]
    kinds = [row[0] for row in run(database, "SELECT kind FROM pgtide.event")]
    assert kinds.count("key_gone") == 1
    assert "table_rewritten" not in kinds


def test_where_the_last_key_goes_meanwhile_it_stops_and_says_why(database: str) -> None:
    create_keyed(database, "id int", "g", rows=ROWS)
    act = Once(lambda: run(database, "ALTER TABLE public.t DROP CONSTRAINT t_pkey"))
    error = refusal(lambda: migrate(database, keyed_migration(), emit=act))
    assert error.what.startswith("public.t has no key along which it could be walked"), error.what
    assert isinstance(error, Failed)
    assert "pgtide up 1.0.0" in error.remedy
    run(database, "ALTER TABLE public.t ADD PRIMARY KEY (id)")
    assert migrate(database, keyed_migration()).state is State.VERIFIED


def test_a_table_that_is_rewritten_meanwhile_is_walked_to_its_end(database: str) -> None:
    create_keyed(database, "id int", "g", rows=ROWS)
    act = Once(lambda: run(database, "VACUUM FULL public.t"))
    record = migrate(database, keyed_migration(), emit=act)
    assert record.state is State.VERIFIED
    new = record.plan.replacements[0].new
    assert run(database, f"SELECT count(*) FROM public.t WHERE a IS DISTINCT FROM {new}") == [(0,)]


def test_the_sweep_takes_what_is_above_and_below_all_slices(database: str) -> None:
    """Rows that went past the triggers where no slice of the walk would look."""
    create_keyed(database, "id int", "g", rows=ROWS)
    act = Once(lambda: run(database, _PAST_THE_TRIGGERS), nth=10)
    batches = Batches()

    def hear(event: Event) -> None:
        act(event)
        batches(event)

    record = migrate(database, keyed_migration(), until=Phase.BACKFILL, emit=hear)
    assert batches.filled == ROWS
    assert sum(one.rows for one in batches.sweep) == 2
    new = record.plan.replacements[0].new
    out = f"SELECT id FROM public.t WHERE a IS DISTINCT FROM {new}"
    assert run(database, out) == []


_PAST_THE_TRIGGERS = f"""
DO $$ DECLARE one name; BEGIN
    ALTER TABLE public.t DISABLE TRIGGER USER;
    INSERT INTO public.t (id, a) VALUES ({ROWS + 100}, 1), (-100, 1);
    FOR one IN SELECT tgname FROM pg_trigger WHERE tgrelid = 'public.t'::regclass LOOP
        EXECUTE format('ALTER TABLE public.t ENABLE ALWAYS TRIGGER %I', one);
    END LOOP;
END $$
"""


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("every", [30_000, 600, 150], ids=["one", "some", "many"])
@pytest.mark.wide
def test_rows_that_fail_are_found_one_by_one_and_all_others_filled(
    database: str, every: int, workers: int
) -> None:
    poisoned = create_poisoned_users(database, rows=6_000, every=every)
    assert poisoned
    settings = replace(settings_for(database), workers=workers)
    error = refusal(lambda: migrate(database, USERS, settings=settings))
    assert error.code == "quarantined", repr(error)
    assert held(database) == poisoned == out_of_step(database)
    run(database, "UPDATE public.users SET name = 'somebody' WHERE name = 'nobody'")
    assert migrate(database, USERS).state is State.VERIFIED


def test_the_canary_is_the_first_keys(database: str) -> None:
    create_users(database, rows=ROWS)
    careful = replace(USERS, backfill=replace(KEYED, canary="5%"))
    heard: list[Event] = []
    assert migrate(database, careful, emit=heard.append).state is State.VERIFIED
    passed = next(i for i, event in enumerate(heard) if isinstance(event, CanaryPassed))
    told = heard[passed]
    assert isinstance(told, CanaryPassed)
    assert told.rows == ROWS // 20
    before = sum(one.rows for one in heard[:passed] if isinstance(one, BatchCommitted))
    [[needed]] = run(
        database,
        "SELECT count(*) FROM public.users WHERE id <= (SELECT id FROM public.users ORDER BY id"
        f" OFFSET {ROWS // 20 - 1} LIMIT 1)"
        " AND (email_verified IS NOT NULL OR verification_token IS NOT NULL)",
    )
    assert before == needed


def test_a_canary_that_finds_values_kept_back_stops_and_is_sent_again(database: str) -> None:
    create_keyed(database, "id int", "g", rows=ROWS)
    run(
        database,
        "CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RETURN CASE WHEN new.id < 100 THEN NULL ELSE new END; END $$",
        "CREATE TRIGGER a_keep BEFORE UPDATE ON public.t FOR EACH ROW"
        " EXECUTE FUNCTION public.keep()",
    )
    careful = keyed_migration(replace(KEYED, canary="5%"))
    for _ in range(2):
        error = refusal(lambda: migrate(database, careful))
        assert error.code == "canary_failed", repr(error)
        assert "99 of its 1,000 rows" in error.what
    begun = "SELECT count(*) FROM pgtide.slice WHERE canary IS NULL AND batches > 0"
    assert run(database, begun) == [(0,)]


def test_the_applications_triggers_stay_silent_along_a_key_too(database: str) -> None:
    create_keyed(database, "id int", "g")
    run(
        database,
        "CREATE FUNCTION public.loud() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'loud'; END $$",
        "CREATE TRIGGER loud AFTER UPDATE ON public.t FOR EACH ROW EXECUTE FUNCTION public.loud()",
    )
    quiet = keyed_migration(replace(KEYED, user_triggers="skip"))
    assert migrate(database, quiet).state is State.VERIFIED
