"""The connection that verification reads the schema with may be lost like any other."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from pgtide import Index
from pgtide.errors import ConnectionLost
from pgtide.events import Event, PhaseBegan
from pgtide.model.state import Phase, State
from tests.driving import migrate, record_of
from tests.scenarios.backends import end_backend, wait_for_backend
from tests.small_table import SMALL_ID, create_small, small_migration


def test_a_connection_lost_while_the_schema_is_reflected_can_be_resumed(database: str) -> None:
    create_small(database)
    migration = small_migration(Index("t_a", on="a"))
    migrate(database, migration, until=Phase.FINALIZE)
    with psycopg.connect(database) as blocker, ThreadPoolExecutor() as pool:

        def hear(event: Event) -> None:
            # Preflight reads comments too; once verify has begun, reflection alone does.
            if isinstance(event, PhaseBegan):
                blocker.execute("LOCK TABLE pg_catalog.pg_description")

        verifying = pool.submit(migrate, database, migration, emit=hear)
        end_backend(database, wait_for_backend(database, "pgtide report", event="relation"))
        with pytest.raises(ConnectionLost, match="while reflecting the schema"):
            verifying.result(timeout=30)
    record = record_of(database, SMALL_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.VERIFYING)
    assert migrate(database, migration).state is State.VERIFIED
