"""A place to kill migrations in: a server, templates to clone, and the undisturbed run to match."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from pgtide.changes.contract import contract_step
from pgtide.changes.purge import purge_steps
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.plan import Plan
from pgtide.model.statement import Step
from pgtide.phases.backup import backup
from pgtide.postgres.catalog import read_table
from pgtide.postgres.embedded import Server
from pgtide.postgres.followers import read_followers
from pgtide.postgres.session import connect
from tests.driving import ACTOR, plan_of, record_of, settings_for
from tests.later import approve
from tests.scenarios.child import Ended, carried_out
from tests.scenarios.killed import BEGAN, Action, Order
from tests.server import fresh_database, name_of
from tests.table_state import TableState, schema_dump, table_state
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 3_000
# So that so small a table has several slices and passes.
SLICE_BLOCKS = 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """One way through a migration without a disturbance: where it starts, what it says, its end.

    `shape` is the schema dump of its table then.
    """

    action: Action
    template: str
    labels: tuple[str, ...]
    end: TableState
    shape: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lab:
    """What the kill matrix needs; `shape` is the table's schema dump before the migration.

    `contracting` and `purging` are the steps of the later release.
    """

    server: Server
    witness: str
    backups: str
    plan: Plan
    contracting: Step
    purging: tuple[Step, ...]
    shape: str
    old_rows: str
    up: Course
    down: Course
    contract: Course
    purge: Course
    back: Course
    down_after: Course
    # Whose process takes a backup on its way, since there is none that it could rely on.
    back_up: Course
    contract_unprepared: Course


@contextmanager
def witnessed(server: Server) -> Iterator[str]:
    """Give a database in which processes write down the batches that they begin."""
    with fresh_database(server) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(BEGAN)
        yield url


@dataclass(frozen=True, slots=True, kw_only=True)
class _Maker:
    """Make databases like others, and go through courses in them."""

    server: Server
    stack: ExitStack
    backups: str

    def like(self, url: str) -> str:
        return self.stack.enter_context(fresh_database(self.server, name_of(url)))

    def course(self, action: Action, template: str) -> tuple[str, Course]:
        url = self.like(template)
        order = Order(url=url, action=action, backups=self.backups, slice_blocks=SLICE_BLOCKS)
        return url, _course(order, template)

    def approved(self, url: str, gate: Gate) -> str:
        new = self.like(url)
        approve(new, MIGRATION_ID, gate)
        return new


@contextmanager
def laboratory(server: Server) -> Iterator[Lab]:
    """Make the templates: a table, the same once verified, and once contracted."""
    with ExitStack() as stack:
        backups = stack.enter_context(TemporaryDirectory(prefix="pgtide-lab-"))
        table = stack.enter_context(fresh_database(server))
        create_users(table, rows=ROWS)
        make = _Maker(server=server, stack=stack, backups=backups)
        verified, up = make.course("up", table)
        unprepared = make.approved(verified, Gate.CONTRACT)
        ready = make.like(unprepared)
        _back_up(ready, backups)
        contracted, contract = make.course("contract", ready)
        leaving = make.approved(contracted, Gate.READS_SWITCHED)
        yield Lab(
            server=server,
            witness=stack.enter_context(witnessed(server)),
            backups=backups,
            plan=plan_of(table, email_migration()),
            contracting=_contracting(ready),
            purging=_purging(leaving),
            shape=schema_dump(table),
            old_rows=up.end.old_rows,
            up=up,
            down=make.course("down", verified)[1],
            contract=contract,
            purge=make.course("purge", leaving)[1],
            back=make.course("back", contracted)[1],
            down_after=make.course("down", contracted)[1],
            back_up=make.course("back_up", table)[1],
            contract_unprepared=make.course("contract", unprepared)[1],
        )


def _course(order: Order, template: str) -> Course:
    ended: Ended = carried_out(order)
    assert ended.code == 0, str(ended)
    return Course(
        action=order.action,
        template=name_of(template),
        labels=ended.labels,
        end=table_state(order.url),
        shape=schema_dump(order.url),
    )


def _back_up(url: str, folder: str) -> None:
    # Every process then relies on this one: a backup of their own has a matrix of its own.
    settings = replace(settings_for(url), backups_dir=Path(folder))
    backup(settings, Caller(actor=ACTOR), record_of(url, MIGRATION_ID))


def _contracting(url: str) -> Step:
    plan = record_of(url, MIGRATION_ID).plan
    with connect(url, purpose="test") as session:
        table = read_table(session, plan.table, plan.table_oid)
        return contract_step(plan, table, read_followers(session, plan))


def _purging(url: str) -> tuple[Step, ...]:
    plan = record_of(url, MIGRATION_ID).plan
    with connect(url, purpose="test") as session:
        return purge_steps(plan, read_table(session, plan.table, plan.table_oid))
