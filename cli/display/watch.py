"""A second connection that reads the ledger's figures once a second, while a run works."""

import threading
from contextlib import suppress
from typing import Final, Self

from pgtide.errors import PgtideError
from pgtide.ledger.record import find
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings

_EVERY: Final = 1.0


class Watch:
    """Hold the newest status of a migration; a database that cannot be asked changes nothing."""

    def __init__(self, settings: Settings, migration_id: str) -> None:
        self.newest: MigrationStatus | None = None
        self._settings = settings
        self._id = migration_id
        self._session: Session | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if not self._over.is_set():
            self.end()
        if self._session is not None:
            self._session.close()

    def end(self) -> None:
        """Look a last time, so that what is shown at the end is how it ended."""
        self._over.set()
        self._thread.join()
        with suppress(PgtideError):
            self._look()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(PgtideError):
                self._look()
            self._over.wait(_EVERY)

    def _look(self) -> None:
        if self._session is None or self._session.lost:
            self._session = connect(self._settings.url, purpose="progress")
        record = find(self._session, self._id)
        if record is not None:
            self.newest = status_of(self._session, self._settings, record)
