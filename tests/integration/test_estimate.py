"""The estimate against what really happens, and that taking it does nothing else."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import psycopg
import pytest

from pgtide import AddColumn, Backfill, Index, Migration, ReplaceColumn
from pgtide.clock import SYSTEM_CLOCK, Clock
from pgtide.errors import Refused
from pgtide.ledger.audit import history
from pgtide.ledger.run import Caller
from pgtide.model.estimate import Estimate, Range
from pgtide.model.state import Phase
from pgtide.operate.history import words
from pgtide.phases.estimate import estimate
from pgtide.phases.forward import forward, opened
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.backed_up import create_odd, odd_migration
from tests.catalog_snapshot import changes, snapshot
from tests.driving import ACTOR, migrate, plan_of, refusal, settings_for
from tests.roles import temporary_role
from tests.small_table import create_small, run, small_migration
from tests.users import create_users, email_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched

WIDE = small_migration(
    ReplaceColumn("n", type="bigint", up="n::bigint", down="n::text"),
    AddColumn("head", type="text", backfill="substr(body, 1, 200)"),
    Index("t_head", on="head"),
)
TIGHT = 100_000


def create_wide(url: str) -> None:
    """Create `public.t` with rows of 1 to 5 kB, some of which are stored apart."""
    run(
        url,
        "CREATE TABLE public.t (id bigint PRIMARY KEY, n text, body text) WITH (fillfactor = 80)",
        "INSERT INTO public.t SELECT g, (g * 7)::text,"
        " (SELECT string_agg(md5(g::text || i), '') FROM generate_series(1, 30 + 60 * (g % 3)) i)"
        " FROM generate_series(1, 2000) g",
    )


BY_KEY = replace(
    small_migration(ReplaceColumn("n", type="bigint", up="n::bigint", down="n::text")),
    backfill=Backfill(walk="key"),
)


def create_scattered(url: str) -> None:
    """Create `public.t` with rows whose neighbours by key lie on other pages."""
    run(
        url,
        "CREATE TABLE public.t (id uuid PRIMARY KEY, n text, body text)",
        "INSERT INTO public.t SELECT md5(g::text)::uuid, g::text, repeat('x', g % 90)"
        " FROM generate_series(1, 12000) g",
    )


def create_many(url: str) -> None:
    create_users(url, rows=12_000)


def create_few(url: str) -> None:
    create_users(url, rows=700)


def reckoned(url: str, migration: Migration, *, clock: Clock = SYSTEM_CLOCK) -> Estimate:
    plan = plan_of(url, migration)
    with connect(url, purpose="test") as session:
        found = estimate(session, settings_for(url), plan, clock=clock)
    assert found is not None
    return found


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Bytes of a table with what is stored apart, of its indexes, and of all WAL so far."""

    table: int
    indexes: int
    wal: int


def footprint(url: str, table: str) -> Footprint:
    query = (
        "SELECT pg_table_size(%s::regclass), pg_indexes_size(%s::regclass),"
        " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    )
    with psycopg.connect(url) as connection:
        sizes = connection.execute(query.encode(), [table, table]).fetchone()
    assert sizes is not None
    return Footprint(table=sizes[0], indexes=sizes[1], wal=sizes[2])


def inside(found: Range, real: float) -> bool:
    return found.low <= real <= found.high


@pytest.mark.parametrize(
    ("create", "migration"),
    [
        (create_many, email_migration()),
        (create_few, email_migration()),
        (create_wide, WIDE),
        (create_scattered, BY_KEY),
    ],
    ids=["passes", "one pass", "toasted", "by key"],
)
def test_a_real_backfill_lies_inside_its_estimate(
    database: str, create: Callable[[str], None], migration: Migration
) -> None:
    create(database)
    found = reckoned(database, migration)
    # Each page is then logged in full once more.
    run(database, "CHECKPOINT")
    table = str(migration.table_name)
    before = footprint(database, table)
    migrate(database, migration, until=Phase.EXPAND)
    begun = time.monotonic()
    migrate(database, migration, until=Phase.FINALIZE)
    took = time.monotonic() - begun
    after = footprint(database, table)

    [(written,)] = run(database, "SELECT sum(rows)::bigint FROM pgtide.slice")
    assert isinstance(written, int)
    assert inside(found.rows, written), (found.rows, written)
    assert inside(found.table_bytes, after.table - before.table), (found, before, after)
    assert inside(found.index_bytes, after.indexes - before.indexes), (found, before, after)
    assert inside(found.wal_bytes, after.wal - before.wal), (found, before, after)
    grown = after.table + after.indexes - before.table - before.indexes
    assert inside(found.disk_bytes, grown)
    assert inside(found.seconds, took), (found.seconds, took)
    # A range that says nothing holds always.
    assert found.rows.high <= 1.2 * written
    assert found.wal_bytes.high <= 8 * (after.wal - before.wal)
    assert found.table_bytes.high <= 2 * before.table


def test_a_pinned_horizon_is_what_the_high_bound_is_about(database: str) -> None:
    create_many(database)
    found = reckoned(database, email_migration())
    before = footprint(database, "public.users")
    with psycopg.connect(database) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT 1")
        migrate(database, email_migration(), until=Phase.BACKFILL)
        after = footprint(database, "public.users")
    grown = after.table - before.table
    assert 0.7 * found.table_bytes.high < grown <= found.table_bytes.high
    assert inside(found.index_bytes, after.indexes - before.indexes)


def test_an_empty_table_and_one_that_gets_an_index_alone_are_estimated(database: str) -> None:
    create_small(database)
    indexed = reckoned(database, small_migration(Index("t_a", on="a")))
    assert (indexed.rows.high, indexed.table_bytes.high) == (0, 0)
    assert indexed.index_bytes.high > 0
    run(database, "TRUNCATE public.t")
    empty = reckoned(database, small_migration(ReplaceColumn("a", type="bigint")))
    assert (empty.rows.low, empty.rows.high, empty.sampled) == (0, 0, 0)


def test_odd_names_and_every_kind_of_value_are_sampled(database: str) -> None:
    create_odd(database)
    found = reckoned(database, odd_migration())
    assert found.sampled == 300
    # The one row whose source is NULL is in step as it is.
    assert found.rows.high == 299


def test_what_cannot_be_converted_is_counted_and_told_without_the_value(database: str) -> None:
    create_small(database)
    run(
        database,
        "ALTER TABLE public.t ALTER a TYPE text",
        "UPDATE public.t SET a = 'secret' WHERE id % 100 = 0",
    )
    whole = ReplaceColumn("a", type="bigint", up="a::bigint", down="a::text")
    found = reckoned(database, small_migration(whole))
    assert (found.failing, found.sampled, found.rows.high) == (5, 500, 495)
    told = "; ".join(found.basis)
    assert "5 of the 500 rows cannot be converted" in told
    assert "secret" not in told
    assert "22P02" in told


def test_taking_a_sample_leaves_nothing_and_locks_no_more_than_a_select(database: str) -> None:
    create_users(database, rows=2_000)
    before, seen = snapshot(database), set[object]()

    def look() -> float:
        # Autovacuum may come by at any moment.
        query = (
            "SELECT mode FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE relation = 'public.users'::regclass AND backend_type = 'client backend'"
        )
        seen.update(mode for (mode,) in run(database, query))
        return SYSTEM_CLOCK.monotonic()

    wal = footprint(database, "public.users").wal
    reckoned(database, email_migration(), clock=replace(SYSTEM_CLOCK, monotonic=look))
    assert seen == {"AccessShareLock"}
    assert changes(before, snapshot(database)) == []
    assert footprint(database, "public.users").wal - wal < 1_000_000
    left = "SELECT relname FROM pg_class WHERE relname ~ 'pgtide' OR relpersistence = 't'"
    assert run(database, left) == []
    assert run(database, "SELECT proname FROM pg_proc WHERE proname ~ '^(m_|pgtide)'") == []


def test_an_owner_who_is_nothing_else_gets_an_estimate_but_sees_no_disk(database: str) -> None:
    create_small(database)
    migration = small_migration(ReplaceColumn("a", type="bigint"))
    assert (reckoned(database, migration).room.free_bytes or 0) > 0
    with temporary_role(database) as (role, url):
        [(name,)] = run(database, "SELECT current_database()")
        run(
            database,
            f"ALTER TABLE public.t OWNER TO {role}",
            f"GRANT CREATE, TEMPORARY ON DATABASE {name} TO {role}",
            f"GRANT CREATE ON SCHEMA public TO {role}",
        )
        found = reckoned(url, migration)
        assert found.rows.high == 500
        assert found.room.free_bytes is None
        assert "PGTIDE_DISK_FREE_MB" in found.room.source
        # What nobody knows refuses nothing.
        migrate(url, migration, until=Phase.EXPAND)


def tight(url: str, *, free: int = TIGHT) -> Settings:
    return replace(settings_for(url), disk_free=free)


def test_what_may_not_fit_is_refused_before_anything_has_changed(database: str) -> None:
    create_users(database, rows=2_000)
    before = snapshot(database)

    def begin() -> None:
        with opened(tight(database), Caller(actor=ACTOR), email_migration()):
            pass

    error = refusal(begin)
    assert isinstance(error, Refused)
    assert "0 MB are free (PGTIDE_DISK_FREE_MB)" in error.what
    assert "pgtide up 2.1.0 --yes" in error.remedy
    assert changes(before, snapshot(database)) == []
    assert run(database, "SELECT 1 FROM pg_namespace WHERE nspname = 'pgtide'") == []


def test_a_yes_is_audited_and_what_has_begun_goes_on_without_one(database: str) -> None:
    create_small(database)
    # Its estimate could be taken again later: no column is in the way.
    migration, settings = small_migration(Index("t_a", on="a")), tight(database)
    accepting = Caller(actor=ACTOR, accepts_excess=True)
    with opened(settings, accepting, migration) as held:
        forward(held, Phase.EXPAND)
    with connect(database, purpose="test") as session:
        [line] = [one for one in history(session) if one.kind == "excess_accepted"]
    assert line.actor == ACTOR
    assert "begun all the same: it may need" in words(line.kind, line.detail)
    migrate(database, migration, settings=settings)


def test_room_enough_needs_no_yes_and_leaves_no_word_of_it(database: str) -> None:
    create_users(database, rows=2_000)
    migrate(database, email_migration(), until=Phase.EXPAND, settings=tight(database, free=10**8))
    with connect(database, purpose="test") as session:
        assert "excess_accepted" not in {one.kind for one in history(session)}
