"""Who keeps old row versions alive is named where the walk follows from it, however young."""

from collections.abc import Iterator

import psycopg
import pytest

from pgtide.model.state import Phase
from pgtide.postgres.activity import horizon
from pgtide.postgres.session import connect
from tests.driving import migrate
from tests.nights import kinds
from tests.small_table import create_small, run
from tests.throttling import session
from tests.users import create_users, email_migration


@pytest.fixture
def small(database: str) -> Iterator[str]:
    create_small(database)
    yield database
    run(database, "ROLLBACK PREPARED 'of shop'")


def test_an_idle_transaction_of_a_moment_is_named_in_the_audit(database: str) -> None:
    create_users(database, rows=90_000)
    with psycopg.connect(database, application_name="lunch") as idle:
        idle.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        idle.execute("SELECT 1")
        assert migrate(database, email_migration(), until=Phase.BACKFILL).state == "backfilled"
        pid = idle.info.backend_pid
    (cut,) = kinds(database, "slices_cut")
    assert f"pid {pid} (postgres, lunch, " in cut["why"]
    assert "has kept old row versions alive for" in cut["why"]


def test_a_prepared_transaction_keeps_the_horizon_as_well_and_the_oldest_one_is_named(
    small: str,
) -> None:
    with session(small, "BEGIN", "UPDATE public.t SET a = a", "PREPARE TRANSACTION 'of shop'"):
        pass
    with (
        session(small, "BEGIN ISOLATION LEVEL REPEATABLE READ", "TABLE public.t"),
        connect(small, purpose="test") as looking,
    ):
        oldest = horizon(looking)
    assert oldest is not None
    assert oldest.abroad.startswith("prepared transaction 'of shop' (postgres, ")
    assert oldest.seconds > 0
