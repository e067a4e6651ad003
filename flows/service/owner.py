"""One service at a time in a home: found, owned, and cleared up after."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from flows.service.part import part
from flows.service.place import Place
from flows.service.record import Record, read_record, write
from flows.service.service import RUNNER_SECONDS, SERVER_SECONDS
from pgtide.errors import Refused
from pgtide.postgres.embedded import persistent_url, stop_persistent

# Its parts one after the other, and the database's last checkpoint.
_OWNER_SECONDS: Final = RUNNER_SECONDS + SERVER_SECONDS + 60


@contextmanager
def owned(place: Place, pid: int, url: str, *, postgres: bool) -> Iterator[Record]:
    """Own the service of a home until the block ends; what a killed one left is ended first.

    With `postgres` the embedded PostgreSQL is needed: it ends with the block, unless it ran before.
    Raises Refused where a service runs already.
    """
    place.make()
    with place.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _running(place) from None
        before = _cleared(place)
        record = Record(
            owner=part("service", pid),
            url=url,
            postgres=postgres and (before or persistent_url(place.postgres) is None),
        )
        write(place.record, record)
        try:
            yield record
        finally:
            if record.postgres:
                stop_persistent(place.postgres)
            place.record.unlink(missing_ok=True)


def running(place: Place) -> Record | None:
    """Return the record of the service that runs, if one does."""
    record = read_record(place.record)
    return record if record is not None and record.owner.alive else None


def stop(place: Place) -> bool:
    """End the service of a home and all that it has started; False where there was nothing."""
    record = read_record(place.record)
    if record is None:
        return False
    record.owner.end(_OWNER_SECONDS)
    place.make()
    with place.lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Nothing is left, unless it was killed.
        if _cleared(place):
            stop_persistent(place.postgres)
        with suppress(FileNotFoundError):
            place.record.unlink()
    return True


def _cleared(place: Place) -> bool:
    """End what a killed service left; tell whether the embedded PostgreSQL was its own."""
    record = read_record(place.record)
    if record is None:
        return False
    for one in record.parts:
        one.end(RUNNER_SECONDS if one.name == "runner" else SERVER_SECONDS)
    return record.postgres


def _running(place: Place) -> Refused:
    record = read_record(place.record)
    where = f" at {record.url} (process {record.owner.pid})" if record else ""
    return Refused(
        f"A service runs already{where}.",
        state="It goes on.",
        remedy="`pgtide serve --stop` ends it.",
    )
