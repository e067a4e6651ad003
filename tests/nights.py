"""Nights that a test goes through at once: the database's clock, as windows take it, moved."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from pgtide import Migration, Window
from pgtide.clock import Clock
from pgtide.events import Listener, silence
from pgtide.ledger.record import Record
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.phases.forward import forward, opened
from pgtide.settings import Settings
from tests.driving import ACTOR, record_of, settings_for

_HOUR = timedelta(hours=1)


def closed_now() -> Window:
    """Return a window that opens in two hours, for four."""
    now = datetime.now(UTC)
    return Window(f"{now + 2 * _HOUR:%H:%M}-{now + 6 * _HOUR:%H:%M}", zone="UTC")


@dataclass(slots=True)
class Nights:
    """A window, and the time that the database's clock is taken to show."""

    window: Window = field(default_factory=closed_now)
    shift: timedelta = timedelta(0)

    @property
    def clock(self) -> Clock:
        return Clock(database=lambda at: at + self.shift)

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def next_opening(self) -> datetime:
        """Go to a minute after the next opening; return when it opened."""
        opens = self.window.next_opening(self.now)
        self._go(opens + timedelta(minutes=1))
        return opens

    def last_seconds(self, seconds: float) -> None:
        """Go to so many seconds before the present opening closes; below 0, after.

        Stay where it is closed already: several workers may ask for it.
        """
        closes = self.window.closes(self.now)
        if closes is not None:
            self._go(closes - timedelta(seconds=seconds))

    def _go(self, moment: datetime) -> None:
        self.shift = moment - datetime.now(UTC)

    def up(
        self,
        url: str,
        migration: Migration,
        *,
        until: Phase = Phase.VERIFY,
        emit: Listener = silence,
        hurry: str | None = None,
        settings: Settings | None = None,
    ) -> Record:
        """Go forward as `pgtide up` does."""
        caller = Caller(actor=ACTOR, emit=emit, clock=self.clock, hurry=hurry)
        with opened(settings or settings_for(url), caller, migration) as run:
            forward(run, until)
        return record_of(url, migration.id)


def kinds(url: str, kind: str) -> list[dict[str, Any]]:
    """Return the details of the audit's lines of a kind, oldest first."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT detail FROM pgtide.event WHERE kind = %s ORDER BY id", [kind]
        )
        return [row[0] for row in rows]
