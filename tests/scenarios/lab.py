"""A place to kill migrations in: a server, templates to clone, and the undisturbed run to match."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pgtide.model.plan import Plan
from pgtide.postgres.embedded import Server
from tests.driving import plan_of, record_of
from tests.scenarios.child import Ended, carried_out
from tests.scenarios.killed import BEGAN, Action, Order
from tests.server import fresh_database
from tests.table_state import TableState, schema_dump, table_state
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 10_000


def name_of(url: str) -> str:
    return url.rsplit("/", 1)[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One way through a migration without a disturbance: where it starts, what it says, its end."""

    action: Action
    template: str
    labels: tuple[str, ...]
    end: TableState


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What the kill matrix needs; `shape` is the table's schema dump before the migration."""

    server: Server
    witness: str
    plan: Plan
    shape: str
    old_rows: str
    up: Course
    down: Course


@contextmanager
def witnessed(server: Server) -> Iterator[str]:
    """Give a database in which processes write down the batches that they begin."""
    with fresh_database(server) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(BEGAN)
        yield url


@contextmanager
def laboratory(server: Server) -> Iterator[Lab]:
    """Make the templates: a table, and the same table once verified."""
    with (
        fresh_database(server) as table,
        witnessed(server) as witness,
    ):
        create_users(table, rows=ROWS)
        plan, shape = plan_of(table, email_migration()), schema_dump(table)
        with (
            fresh_database(server, name_of(table)) as verified,
            fresh_database(server, name_of(table)) as undone,
        ):
            up = _course(Order(url=verified, action="up"), template=name_of(table))
            carried_out(Order(url=undone, action="up"))
            down = _course(Order(url=undone, action="down"), template=name_of(verified))
            assert record_of(undone, MIGRATION_ID).state == "rolled_back"
            yield Lab(
                server=server,
                witness=witness,
                plan=plan,
                shape=shape,
                old_rows=up.end.old_rows,
                up=up,
                down=down,
            )


def _course(order: Order, *, template: str) -> Course:
    ended: Ended = carried_out(order)
    assert ended.code == 0, str(ended)
    return Course(
        action=order.action, template=template, labels=ended.labels, end=table_state(order.url)
    )
