"""The heart of a run: a thread that says it lives.

And hears what the operator and newer runs want.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any, Final, Self

from pgtide.clock import Clock
from pgtide.errors import ConnectionLost, Fenced, PgtideError, Refused, Waiting
from pgtide.ledger import backends, phases
from pgtide.ledger.control import Hold
from pgtide.ledger.lease import Lease
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.record import fenced
from pgtide.postgres.activity import try_table_lock
from pgtide.postgres.session import Session, connect
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("ledger")
# A restart, the recovery after a crash, a failover: until then a run waits for its server.
OUTAGE: Final = timedelta(seconds=60)


class Heart:
    """Beat while the run works; `check` raises what it has heard."""

    def __init__(
        self,
        settings: Settings,
        lease: Lease,
        lock: Session,
        *,
        oid: int,
        heeds_hold: bool,
        clock: Clock,
        beside: bool = False,
    ) -> None:
        self._settings = settings
        self._lease = lease
        self._lock = lock
        self._oid = oid
        self._heeds_hold = heeds_hold
        self._clock = clock
        # Beside another process's run: that one holds the lock on the table.
        self._beside = beside
        # Never changed, always another one: the heart's thread reads it when it likes.
        self._workers = frozenset[int]()
        self._locked = True
        self._beaten = clock.monotonic()
        # The database's time, and this machine's seconds when it was told.
        self._told = (phases.now(lock), clock.monotonic())
        self._rate = LiveRate()
        self._heard: PgtideError | None = None
        self._quiet = threading.Event()
        self._watched: tuple[Session, threading.Event] | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"heart of run {lease.run_id}", daemon=True
        )

    def __enter__(self) -> Self:
        self._beat()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._quiet.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what the heart has heard: a hold, a takeover, or an outage that does not end."""
        if self._heard is not None:
            raise self._heard

    @property
    def rate(self) -> LiveRate:
        """Return the rate that an operator has set, as of the last beat."""
        return self._rate

    def now(self) -> datetime:
        """Return the database's time, from what it said at the last beat."""
        told, then = self._told
        return self._clock.database(told + timedelta(seconds=self._clock.monotonic() - then))

    def beat_for(self, worker: int) -> None:
        """Say from now on that a worker lives, too."""
        self._workers |= {worker}

    def let_go(self, worker: int) -> None:
        """Say so no more: what it has not given back is free when its lease is over."""
        self._workers -= {worker}

    def close(self) -> None:
        """Close the session that holds the lock."""
        self._lock.close()

    @contextmanager
    def watching(self, session: Session, stop: threading.Event) -> Iterator[None]:
        """Cancel what the session runs as soon as there is a reason to stop."""
        self._watched = (session, stop)
        try:
            yield
        finally:
            self._watched = None

    def _run(self) -> None:
        while not self._quiet.wait(self._settings.heartbeat.total_seconds()):
            if not isinstance(self._heard, Fenced):
                self._beat()
            self._cancel_watched()

    def _beat(self) -> None:
        try:
            if not self._locked:
                self._reopen()
            who = {"run": self._lease.run_id, "workers": list(self._workers)}
            heard = self._lock.row(_SQL["beat_beside" if self._beside else "beat"], who)
        except (ConnectionLost, Refused) as error:
            self._locked = False
            if self._clock.monotonic() - self._beaten > OUTAGE.total_seconds():
                self._heard = away(error)
        except PgtideError as error:
            self._heard = error
        else:
            self._hear(heard)

    def _hear(self, heard: dict[str, Any] | None) -> None:
        self._beaten = self._clock.monotonic()
        if heard is None:
            self._heard = fenced(self._lease)
            return
        self._told = (heard["now"], self._beaten)
        self._rate = LiveRate(duty=heard["duty"], batch_ms=heard["batch_ms"])
        if heard["hold"] and self._heeds_hold:
            self._heard = _waiting(self._lease, Hold(by=heard["by"], reason=heard["reason"]))

    def _reopen(self) -> None:
        # The lock went with its session. Whoever took it meanwhile raises the token, and the beat
        # tells.
        if self._lock.lost:
            self._lock.close()
            self._lock = connect(self._settings.url, purpose=f"lock {self._lease.migration_id}")
            if self._lock.row(_SQL["lives"], {"run": self._lease.run_id}) is None:
                raise fenced(self._lease)
            backends.note(self._lock, self._lease.run_id, "lock")
        self._locked = self._beside or try_table_lock(self._lock, self._oid)

    def _cancel_watched(self) -> None:
        if self._watched is None:
            return
        session, stop = self._watched
        if stop.is_set() or self._heard is not None:
            with suppress(Exception):
                session.cancel()


def away(last: PgtideError) -> ConnectionLost:
    """Return the error of a run that has waited for its server in vain."""
    return ConnectionLost(
        f"The database was away for more than {OUTAGE.total_seconds():.0f} s: {last.what}",
        state="Everything committed before is kept.",
        remedy="Run `pgtide up` to go on once it is back.",
    )


def _waiting(lease: Lease, hold: Hold) -> Waiting:
    return Waiting(
        f"{lease.migration_id} is paused: {hold}.",
        state="The last batch is checkpointed; the application goes on as before.",
        remedy=f"Run `pgtide resume {lease.migration_id}` to go on.",
    )
