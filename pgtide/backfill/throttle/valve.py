"""The valve of a process: it looks at all signals once a second, and all its workers ask it.

It reads on a session and a thread of its own: no batch waits for it, and a server that does not
answer it is one of the things that it tells.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from pgtide.backfill.throttle.decision import Standing, after
from pgtide.backfill.throttle.disk_limit import DiskLimit
from pgtide.backfill.throttle.reader import Reader
from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable
from pgtide.clock import Clock
from pgtide.errors import PgtideError
from pgtide.events import ThrottleEnded, ThrottleHeld
from pgtide.ledger import throttled
from pgtide.ledger.lease import Lease
from pgtide.ledger.run import open_session
from pgtide.model.amount import say_seconds
from pgtide.postgres.session import Session
from pgtide.postgres.session_settings import milliseconds
from pgtide.settings import Settings

News = ThrottleHeld | ThrottleEnded
# Whoever asks must be able to stop, too.
_MOMENT: Final = 0.2
_BLIND: Final = "no look at the signals has ended for {span}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hold:
    held: Held
    since: float


class Valve:
    """Say whether anything holds the backfill back; safe to ask from several threads."""

    def __init__(self, settings: Settings, lease: Lease, reader: Reader, *, clock: Clock) -> None:
        self._settings = settings
        self._lease = lease
        self._reader = reader
        self._clock = clock
        self._session: Session | None = None
        self._lock = threading.Lock()
        self._standings: dict[str, Standing] = dict.fromkeys(reader.names, Standing())
        self._holds: dict[str, _Hold] = {}
        self._news: list[News] = []
        self._looked = clock.monotonic()
        self._over = threading.Event()
        self._seen = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"throttle of run {lease.run_id}", daemon=True
        )

    def __enter__(self) -> Self:
        # The first batch at the latest waits for the first look: what is bad holds from the start.
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        if self._session is not None:
            with suppress(PgtideError):
                for name in self._holds:
                    throttled.end(self._session, self._lease, name)
            self._session.close()

    def held(self) -> str | None:
        """Return why the backfill has to hold, in a sentence; None where it may go on.

        Who asks before the first look has ended waits a moment for it.
        """
        looked = self.looked()
        with self._lock:
            silent = self._clock.monotonic() - self._looked
            if not looked or silent > self._settings.throttle_patience.total_seconds():
                return _BLIND.format(span=say_seconds(silent))
            return "; ".join(one.held.reason for one in self._holds.values()) or None

    def looked(self) -> bool:
        """Wait a moment for the first look; tell whether it has ended."""
        return self._seen.wait(_MOMENT)

    def news(self) -> list[News]:
        """Return the holds that began or ended since somebody last asked, each once."""
        with self._lock:
            news, self._news = self._news, []
            return news

    def _run(self) -> None:
        self._look()
        self._seen.set()
        while not self._over.wait(self._settings.throttle_every.total_seconds()):
            self._look()

    def _look(self) -> None:
        readings = self._readings()
        now = self._clock.monotonic()
        patience = self._settings.throttle_patience.total_seconds()
        with self._lock:
            self._looked = now
            self._standings = {
                # What this role turned out not to see is not watched any more.
                name: after(known, readings.get(name, Clear()), now=now, patience=patience)
                for name, known in self._standings.items()
            }
            ended = self._follow(now)
        # Best effort: a ledger that cannot be written changes nothing about the hold.
        with suppress(PgtideError):
            self._note(ended)

    def _readings(self) -> dict[str, Reading]:
        try:
            return self._reader.read(self._opened(), self._clock.monotonic())
        except PgtideError as error:
            return {name: Unreadable(why=error.what) for name in self._reader.names}

    def _opened(self) -> Session:
        if self._session is None or self._session.lost:
            # Where a newer run has taken over, this one has nothing left to say.
            session = open_session(self._settings, self._lease, f"throttle {self._lease.run_id}")
            session.configure(
                {
                    # A look that takes longer is none.
                    "statement_timeout": milliseconds(self._settings.throttle_patience / 2),
                    # Else it is planned another five times, which takes twice as long as the look.
                    "plan_cache_mode": "force_generic_plan",
                },
                local=False,
            )
            throttled.begin(session, self._lease)
            if DiskLimit.name in self._standings:
                throttled.keep_base(session, self._lease)
            self._session = session
        return self._session

    def _follow(self, now: float) -> dict[str, float]:
        """Bring holds and news in line with the standings; return how long what ended lasted."""
        ended = {}
        for name, standing in self._standings.items():
            hold, held = self._holds.get(name), standing.held
            if held is not None:
                if hold is None:
                    self._news.append(_began(name, held))
                self._holds[name] = _Hold(held=held, since=hold.since if hold else now)
            elif hold is not None:
                ended[name] = now - hold.since
                del self._holds[name]
                self._news.append(ThrottleEnded(signal=name, seconds=ended[name]))
        return ended

    def _note(self, ended: dict[str, float]) -> None:
        session = self._opened()
        for name, hold in self._holds.items():
            throttled.hold(session, self._lease, name, hold.held)
        for name, seconds in ended.items():
            throttled.end(session, self._lease, name, seconds=seconds)


def _began(name: str, held: Held) -> ThrottleHeld:
    return ThrottleHeld(signal=name, reason=held.reason, value=held.value, limit=held.limit)
