"""A run is announced from its beginning to its end, where the settings name a place for it."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from pgtide.events import Event, Listener
from pgtide.ledger.run import Caller
from pgtide.model.redact import redacted
from pgtide.notify.courier import Courier, Undelivered
from pgtide.notify.notice import Subject
from pgtide.notify.notifier import Notifier
from pgtide.notify.places import places
from pgtide.notify.story import Story
from pgtide.operate.outlook import Looker
from pgtide.operate.unannounced import keep, left_over
from pgtide.settings import Settings


@contextmanager
def announced(
    settings: Settings,
    caller: Caller,
    subject: Subject,
    *,
    attended: bool,
    warn: Callable[[str], object],
) -> Iterator[Caller]:
    """Yield the caller with one more who listens; the end of the block is the end of the run.

    `attended`: a person sits before it, who is told of a refusal there. `warn` hears why a place
    takes nothing, from another thread.
    """
    every, clock = settings.notify_every.total_seconds(), caller.clock
    couriers = [Courier(place, every=every, clock=clock, warn=warn) for place in places(settings)]
    if not couriers:
        yield caller
        return
    notifier = Notifier(
        _begun(settings, caller, subject, attended=attended),
        couriers,
        Looker(settings, subject.id),
        clock=clock,
        hide=partial(_hidden, settings),
        every=every,
    )
    notifier.begin()
    error: BaseException | None = None
    try:
        yield replace(caller, emit=partial(_both, caller.emit, notifier.hear))
    except BaseException as raised:
        error = raised
        raise
    finally:
        undelivered = notifier.end(error)
        _settle(settings, caller, notifier.story, undelivered, warn=warn)


def _settle(
    settings: Settings,
    caller: Caller,
    story: Story,
    undelivered: Mapping[str, Undelivered],
    *,
    warn: Callable[[str], object],
) -> None:
    """Say what did not arrive, and keep it for the next run."""
    last = _hidden(settings, story.end.what) if story.end else ""
    left = left_over(undelivered, last, story.untold)
    if left is not None:
        warn(
            f"{left.notices:,} messages did not reach {', '.join(left.places)}; the next run tells "
            f"of them, and `pgtide history {story.subject.name}` has all that was recorded."
        )
    told = story.untold if story.caught_up else None
    keep(settings, story.subject.id, caller.actor, left=left, told=told)


def _begun(settings: Settings, caller: Caller, subject: Subject, *, attended: bool) -> Story:
    where = replace(
        subject,
        environment=settings.environment,
        actor=caller.actor,
        host=socket.gethostname(),
    )
    return Story(
        subject=where,
        began_at=caller.clock.now(),
        held_after=settings.notify_held_after,
        attended=attended,
    )


def _hidden(settings: Settings, text: str) -> str:
    found = redacted(text, settings.database_url)
    for secret in (settings.slack_token, settings.slack_webhook, settings.webhook):
        if secret:
            found = found.replace(secret, "***")
    return found


def _both(first: Listener, second: Listener, event: Event) -> None:
    first(event)
    second(event)
