"""A notifier: it hears a run, looks at the ledger now and then, and has couriers carry the news.

Whoever works for the run only leaves a value behind; nothing here makes it wait but the end, for a
moment.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from pgtide.clock import Clock
from pgtide.events import Event
from pgtide.model.redact import redacted
from pgtide.notify.courier import Courier, Undelivered
from pgtide.notify.headline import headline
from pgtide.notify.notice import Notice
from pgtide.notify.outlook import Look
from pgtide.notify.story import Story, Told, ended, follow, looked

# What the end of a run may cost where nobody answers; half of it for a last look at the ledger.
PATIENCE: Final = 2.0


class Notifier:
    """Tell of a run from `begin` to `end`; `hide` takes secrets out of every text."""

    def __init__(
        self,
        story: Story,
        couriers: Sequence[Courier],
        look: Look,
        *,
        clock: Clock,
        hide: Callable[[str], str] = redacted,
        every: float,
    ) -> None:
        self._story = story
        self._couriers = couriers
        self._look = look
        self._clock = clock
        self._hide = hide
        self._every = every
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="notifier", daemon=True)

    def begin(self) -> None:
        """Begin to look and to carry."""
        for courier in self._couriers:
            courier.start()
        self._thread.start()

    def hear(self, event: Event) -> None:
        """Listen to an event; returns at once."""
        with self._lock:
            now = self._clock.now()
            story, notices = follow(self._story, event, now)
            # Most events change nothing for those who are told.
            if notices or story is not self._story:
                self._take((story, notices), now)

    @property
    def story(self) -> Story:
        """Return what is known of the run."""
        with self._lock:
            return self._story

    def end(self, error: BaseException | None) -> dict[str, Undelivered]:
        """Tell how the run ended; return for each place what did not arrive."""
        deadline = self._clock.monotonic() + PATIENCE
        self._over.set()
        self._thread.join(PATIENCE / 2)
        with self._lock:
            now = self._clock.now()
            self._take(ended(self._story, error, now), now)
        for courier in self._couriers:
            courier.close(deadline)
        return {courier.name: courier.join() for courier in self._couriers}

    def _watch(self) -> None:
        try:
            self._look_once()
            while not self._over.wait(self._every):
                self._look_once()
            # The run has let go: this shows how it ended.
            self._look_once()
        finally:
            self._look.close()

    def _look_once(self) -> None:
        outlook = self._look()
        with self._lock:
            now = self._clock.now()
            self._take(looked(self._story, outlook, now), now)

    def _take(self, told: Told, now: datetime) -> None:
        story, notices = told
        self._story = story
        text = self._hide(headline(story, now)) if story.begun else None
        hidden = tuple(self._hidden(one) for one in notices)
        for courier in self._couriers:
            courier.give(hidden, text, story.subject)

    def _hidden(self, notice: Notice) -> Notice:
        hide = self._hide
        return replace(
            notice, what=hide(notice.what), state=hide(notice.state), todo=hide(notice.todo)
        )
