"""What a test of a flow sees: the engine's events, and the ledger's run rows."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from flows.loader import Loaded, load_migration
from pgtide.events import BatchBegan, BatchCommitted, Event
from pgtide.model.state import State
from tests.driving import record_of
from tests.users import MIGRATION_ID

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


def email() -> Loaded:
    """Return the project's migration, as a command loads it."""
    return load_migration(MIGRATIONS / f"{MIGRATION_ID}.py")


@dataclass
class Heard:
    """A listener that keeps what it hears."""

    events: list[Event] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def batches(self) -> list[tuple[object, ...]]:
        return [place(event) for event in self.events if isinstance(event, BatchBegan)]


def place(event: BatchBegan | BatchCommitted) -> tuple[object, ...]:
    return (event.slice_id, event.kind, event.round, event.step, event.cursor)


def state_of(url: str) -> State:
    return record_of(url, MIGRATION_ID).state


def runs(url: str) -> list[dict[str, Any]]:
    """Return the ledger's runs, the newest last."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return connection.execute("SELECT * FROM pgtide.run ORDER BY id").fetchall()


def out_of_step(url: str) -> int:
    """Count rows that differ between the shapes, with plain SQL of the test's own."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM public.users"
            " WHERE email_verified_v2 IS DISTINCT FROM email_verified"
            "    OR verification_token_v2 IS DISTINCT FROM verification_token"
            "    OR (email_verified IS TRUE) <> (verified_at IS NOT NULL)"
        ).fetchone()
    assert found is not None
    return int(found[0])
