"""What would fail or lock long after the table was changed is refused before."""

import psycopg
import pytest
from sqlalchemy import text

from pgtide import AddColumn, Index
from pgtide.errors import LockNotAcquired, Refused
from pgtide.model.state import State
from pgtide.postgres.reflection import engine
from pgtide.postgres.session import connect
from tests.driving import migrate, patient, refusal, settings_for
from tests.small_table import create_small, run, small_migration

NUMBER = AddColumn("n", type="int", backfill="a")
UNIQUE = "ALTER TABLE public.t DROP CONSTRAINT t_pkey, ADD UNIQUE (id), ALTER id SET NOT NULL"
DOMAIN = "CREATE DOMAIN public.positive AS int CHECK (value > 0)"


@pytest.mark.untouched
@pytest.mark.parametrize(
    ("setup", "change", "said"),
    [
        (DOMAIN, AddColumn("n", type="positive"), "rewrites the whole table"),
        (
            "ALTER TABLE public.t ADD CONSTRAINT late CHECK (a > 10) NOT VALID",
            NUMBER,
            "10 rows of public.t break its constraint late",
        ),
        (
            UNIQUE + "; CREATE PUBLICATION p FOR TABLE public.t",
            NUMBER,
            "published but has no replica identity",
        ),
    ],
)
def test_a_table_that_would_fail_later_is_refused(
    database: str, setup: str, change: AddColumn, said: str
) -> None:
    create_small(database)
    run(database, *setup.split("; "))
    error = refusal(lambda: migrate(database, small_migration(change)))
    assert isinstance(error, Refused)
    assert said in error.what
    assert run(database, "SELECT to_regnamespace('pgtide')") == [(None,)]


def test_what_only_looks_like_it_is_not_refused(database: str) -> None:
    create_small(database)
    run(
        database,
        "CREATE DOMAIN public.bare AS int",
        "ALTER TABLE public.t ADD CONSTRAINT late CHECK (a > 0) NOT VALID",
        "ALTER TABLE public.t DROP CONSTRAINT t_pkey",
        "CREATE PUBLICATION p FOR TABLE public.t WITH (publish = 'insert')",
    )
    migration = small_migration(AddColumn("n", type="bare", backfill="a"))
    assert migrate(database, migration).state is State.VERIFIED


@pytest.mark.untouched
def test_an_owner_who_may_not_create_an_index_is_refused(database: str) -> None:
    create_small(database)
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    owner = f"owner_of_{name}"
    run(
        database,
        f"CREATE ROLE {owner} LOGIN PASSWORD 'p'",
        f"GRANT CREATE ON DATABASE {name} TO {owner}",
        f"ALTER TABLE public.t OWNER TO {owner}",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    )
    try:
        theirs = psycopg.conninfo.make_conninfo(database, user=owner, password="p")
        migration = small_migration(NUMBER, Index("t_n", on="n"))
        error = refusal(lambda: migrate(theirs, migration))
        assert "may not create an index in the schema public" in error.what
        run(database, f"GRANT CREATE ON SCHEMA public TO {owner}")
        assert migrate(theirs, migration).state is State.VERIFIED
    finally:
        run(database, f"DROP OWNED BY {owner} CASCADE", f"DROP ROLE {owner}")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://joe:sesame@127.0.0.1/shop",
        "postgres:/joe:sesame@127.0.0.1/shop",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    error = refusal(lambda: connect(url, purpose="test"))
    chain = (error, error.__cause__, error.__context__ if not error.__suppress_context__ else None)
    assert "sesame" not in "".join(str(one) for one in chain)
    assert "DATABASE_URL cannot be read" in error.what


def test_a_prepared_transaction_in_the_way_is_named(database: str) -> None:
    create_small(database)
    run(database, "BEGIN; UPDATE public.t SET a = 0 WHERE id = 1; PREPARE TRANSACTION 'forgotten'")
    try:
        hasty = patient(settings_for(database), tries=1)
        error = refusal(lambda: migrate(database, small_migration(NUMBER), settings=hasty))
        assert isinstance(error, LockNotAcquired)
        assert "prepared transaction 'forgotten'" in error.what
    finally:
        run(database, "ROLLBACK PREPARED 'forgotten'")


def test_no_setting_of_a_role_ends_or_confuses_a_long_step(database: str) -> None:
    create_small(database)
    with psycopg.connect(database) as connection:
        later = connection.info.server_version >= 170000
        name = connection.info.dbname
    run(
        database,
        f"ALTER DATABASE {name} SET quote_all_identifiers = on",
        *([f"ALTER DATABASE {name} SET transaction_timeout = '200ms'"] if later else []),
    )
    with connect(database, purpose="test") as session:
        assert session.value("SELECT 'slept' FROM pg_sleep(0.4)") == "slept"
    with engine(database) as made, made.connect() as reflecting:
        slow = reflecting.execute(text("SELECT 'slept' FROM pg_sleep(0.4)"))
        assert slow.scalar_one() == "slept"
    migration = small_migration(NUMBER, Index("t_n", on="n"))
    assert migrate(database, migration).state is State.VERIFIED
