"""A courier: a thread that carries a mailbox to one place, and makes nobody wait."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pgtide.clock import Clock
from pgtide.notify.mailbox import Act, Mailbox, Outcome, Trouble, after, next_act, pause, put
from pgtide.notify.notice import Notice, Subject


class Place(Protocol):
    """Where notices go."""

    @property
    def name(self) -> str:
        """Return what people call it."""
        ...

    @property
    def threaded(self) -> bool:
        """Tell whether it can edit a message, and reply to it."""
        ...

    @property
    def summed(self) -> bool:
        """Tell whether what was missed comes as one message."""
        ...

    def send(self, act: Act, subject: Subject) -> Outcome:
        """Try once; raises nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """What a place did not take: notices that waited to the end, and how many had no room."""

    notices: tuple[Notice, ...]
    missed: int

    @property
    def count(self) -> int:
        """Return how many notices that is."""
        return len(self.notices) + self.missed


class Courier:
    """Carry notices to a place in order; `warn` hears once why it takes no more."""

    def __init__(
        self, place: Place, *, every: float, clock: Clock, warn: Callable[[str], object]
    ) -> None:
        self._place = place
        self._clock = clock
        self._warn = warn
        self._box = Mailbox(threaded=place.threaded, summed=place.summed, every=every)
        self._text: str | None = None
        self._subject: Subject | None = None
        self._deadline: float | None = None
        self._troubled = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"to {place.name}", daemon=True)

    @property
    def name(self) -> str:
        """Return what people call the place."""
        return self._place.name

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def give(self, notices: tuple[Notice, ...], text: str | None, subject: Subject) -> None:
        """Take notices, and the run's message as it is now; returns at once."""
        with self._changed:
            for notice in notices:
                self._box = put(self._box, notice)
            self._text, self._subject = text, subject
            self._changed.notify()

    def close(self, deadline: float) -> None:
        """Let it carry what is left until then, and no longer."""
        with self._changed:
            self._deadline = deadline
            self._changed.notify()

    def join(self) -> Undelivered:
        """Wait until its deadline at most; return what did not arrive."""
        left = (self._deadline or 0.0) - self._clock.monotonic()
        self._thread.join(max(left, 0.0))
        with self._changed:
            return Undelivered(notices=self._box.waiting, missed=self._box.missed)

    def _run(self) -> None:
        while (act := self._next()) is not None:
            subject = self._subject
            if subject is not None:
                self._carried(act, self._tried(act, subject))

    def _tried(self, act: Act, subject: Subject) -> Outcome:
        try:
            return self._place.send(act, subject)
        except Exception as error:  # noqa: BLE001  # whatever ails the place, it is not the run's
            return Trouble(why=f"{type(error).__name__}")

    def _next(self) -> Act | None:
        """Wait for something to send; None once the run is over and nothing more will go."""
        with self._changed:
            while True:
                now = self._clock.monotonic()
                last = self._deadline is not None
                if self._deadline is not None and now >= self._deadline:
                    return None
                act = next_act(self._box, self._text, now, last=last)
                if act is not None:
                    return act
                if self._deadline is not None and not self._worth(self._deadline):
                    return None
                self._changed.wait(pause(self._box, now))

    def _worth(self, deadline: float) -> bool:
        """Tell whether something waits that may still go before the end."""
        box = self._box
        pending = bool(box.waiting) or (box.threaded and box.shown != self._text)
        return pending and box.closed is None and box.not_before < deadline

    def _carried(self, act: Act, outcome: Outcome) -> None:
        now = self._clock.monotonic()
        with self._changed:
            before = self._box
            self._box = after(before, act, outcome, now=now, at=self._clock.now())
            closed = self._box.closed
        if self._deadline is not None and now >= self._deadline:
            # The run is over, and its end has told how much did not arrive.
            return
        if closed is not None and before.closed is None:
            self._warn(f"{self._place.name} takes no message of this run any more: {closed}.")
        elif isinstance(outcome, Trouble) and not self._troubled:
            name = self._place.name
            self._warn(f"{name} takes no message now, and is asked again: {outcome.why}.")
        self._troubled = isinstance(outcome, Trouble)
