"""A long query on a thread of its own, so that whoever waits can do other work, or give up."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from pgtide.postgres.client import refuse_stopped
from pgtide.postgres.session import Session

_Found = TypeVar("_Found")
_LOOK_EVERY: Final = 0.2


@contextmanager
def aside(session: Session, work: Callable[[], _Found]) -> Iterator[Future[_Found]]:
    """Run work that uses a session while the block does something else.

    A block that fails cancels it: nobody waits for an answer that is not wanted any more.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(work)
        try:
            yield future
        except BaseException:
            if not future.done():
                session.cancel()
            raise


def awaited(future: Future[_Found], stop: threading.Event) -> _Found:
    """Return the answer when it comes; raises Interrupted where a person asked to stop."""
    while True:
        refuse_stopped(stop)
        with suppress(TimeoutError):
            return future.result(timeout=_LOOK_EVERY)
