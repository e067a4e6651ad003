"""Where a person sits who operates migrations: a service as `make up` leaves it, and its UI."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, LiteralString

import psutil
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from flows.noticeboard import artifact_key
from flows.service.storage import DATABASE
from pgtide.ledger.rate import LiveRate, keep
from pgtide.postgres.embedded import persistent_url
from pgtide.postgres.embedded.port import LOOPBACK
from pgtide.postgres.session import connect
from tests.browser import browsing, chromium
from tests.memory import memory
from tests.prefect_ui import PrefectUi
from tests.serving import Serving, serving
from tests.users import MIGRATION_ID

GATED = """
from dataclasses import replace

from flows import migration_flow
from tests.users import email_migration

migration = replace(email_migration(), dual_write="application")
flow = migration_flow(migration)
"""
WIDER = """
from flows import migration_flow
from pgtide import Migration, ReplaceColumn

migration = Migration(
    version="3.0.0",
    description="Wider totals of orders",
    table="public.orders",
    changes=[ReplaceColumn("total", type="bigint")],
    contract_release="3.1.0",
)
flow = migration_flow(migration)
"""
ORDERS_ID = "20260301_090000_order_totals"
FILES = {MIGRATION_ID: GATED, ORDERS_ID: WIDER}
# Of users, and of orders: those last a run that is stopped five times.
ROWS, ORDERS = 20_000, 60_000
TABLE = """
CREATE TABLE public.orders (id bigint PRIMARY KEY, note text, total int NOT NULL);
INSERT INTO public.orders SELECT i, repeat('x', i % 90), i FROM generate_series(1, {rows}) i;
"""
# Mostly at rest, in batches of a block or two: minutes of work, until somebody says otherwise.
SLOWLY = {"PGTIDE_BATCH_MS": "1", "PGTIDE_DUTY": "0.05", "PGTIDE_WORKERS": "1"}
# What the UI asks for, whatever the server is told of analytics. It works without.
ELSEWHERE = {"sr-client-cfg.amplitude.com"}


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A service and its UI, and what only the databases tell."""

    serving: Serving
    ui: PrefectUi

    @property
    def database(self) -> str:
        url = persistent_url(self.serving.home.postgres)
        assert url is not None
        return url

    def rows(self, sql: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(sql, values).fetchall()

    def filled(self, migration_id: str) -> int:
        """Return how many rows the ledger has as filled; none where there is no ledger."""
        if self.rows("SELECT to_regclass('pgtide.slice')") == [(None,)]:
            return 0
        counted = self.rows(
            "SELECT coalesce(sum(rows), 0)::int FROM pgtide.slice WHERE migration_id = %s",
            migration_id,
        )
        return int(counted[0][0])

    def more(self, migration_id: str) -> None:
        """Wait until more rows are filled than are now."""
        before = self.filled(migration_id)
        self.serving.until(lambda: self.filled(migration_id), lambda rows: rows > before)

    def hurry(self, migration_id: str) -> None:
        """Let a migration work as fast as it can."""
        with connect(self.database, purpose="operator") as session:
            keep(session, migration_id, LiveRate(duty=1.0, batch_ms=50.0), by="ann")

    def newest(self, kind: str, migration_id: str) -> str:
        """Return the newest artifact of a kind."""
        wanted = {"artifacts": {"key": {"any_": [artifact_key(kind, migration_id)]}}}
        (one,) = self.serving.api.ask("POST", "/artifacts/latest/filter", wanted)
        return str(one["latest_id"])

    def begin(self, migration_id: str) -> str:
        """Start a migration by its button, and wait for its first rows; return the run's id."""
        self.ui.open_deployment(self.serving.deployments()[f"{migration_id}/migrate"]["id"])
        run = self.ui.quick_run()
        self.more(migration_id)
        self.ui.state("Running")
        return run

    def process_of(self, flow_run_id: str) -> psutil.Process:
        """Return the process that works a flow run."""
        children = psutil.Process(self.serving.part("runner").pid).children(recursive=True)
        mark = "PREFECT__FLOW_RUN_ID"
        (one,) = [each for each in children if each.environ().get(mark) == flow_run_id]
        return one

    def asked_at(self, flow_run_id: str, state: str) -> datetime:
        """Return when the server last gave a run a state."""
        path = f"/flow_run_states/?flow_run_id={flow_run_id}"
        found = [one for one in self.serving.api.ask("GET", path, None) if one["name"] == state]
        return max(datetime.fromisoformat(one["timestamp"]) for one in found)

    def lose(self, flow_run_id: str) -> None:
        """Leave a run as a worker does whose machine is gone: at work, for minutes, on nothing."""
        self.serving.api.ask(
            "POST",
            f"/flow_runs/{flow_run_id}/set_state",
            {"state": {"type": "RUNNING"}, "force": True},
        )
        with psycopg.connect(make_conninfo(self.database, dbname=DATABASE)) as connection:
            connection.execute(
                "UPDATE flow_run_state SET timestamp = timestamp - interval '3 minutes'"
                " WHERE id = (SELECT state_id FROM flow_run WHERE id = %s)",
                (flow_run_id,),
            )
        with psycopg.connect(self.database) as connection:
            connection.execute(
                "UPDATE pgtide.run SET heartbeat_at = heartbeat_at - interval '3 minutes'"
                " WHERE flow_run_id = %s",
                (flow_run_id,),
            )


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """One for all tests of a file: a start takes as long as a test."""
    chromium()
    with (
        TemporaryDirectory(dir=memory()) as folder,
        _served(Path(folder)) as one,
        browsing() as browser,
    ):
        yield Desk(serving=one, ui=PrefectUi(browser=browser, url=f"http://{LOOPBACK}:{one.port}"))
        assert browser.kept_from <= ELSEWHERE


@contextmanager
def _served(folder: Path) -> Iterator[Serving]:
    with serving(folder, "", PGTIDE_BACKUP_FIRST="1", **SLOWLY) as one:
        for migration_id, text in FILES.items():
            (one.place.migrations / f"{migration_id}.py").write_text(text, encoding="utf-8")
        one.place.json("serve", "--detach", "--rows", str(ROWS))
        url = persistent_url(one.home.postgres)
        assert url is not None
        with psycopg.connect(url) as connection:
            connection.execute(TABLE.format(rows=ORDERS).encode())
        # It comes every two minutes: who presses its button wants to be the first.
        _switch_off(one, "reaper/all")
        yield one


def _switch_off(one: Serving, name: str) -> None:
    deployment = one.deployments()[name]
    (schedule,) = deployment["schedules"]
    path = f"/deployments/{deployment['id']}/schedules/{schedule['id']}"
    one.api.ask("PATCH", path, {"active": False})
