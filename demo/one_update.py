"""One UPDATE of all rows, the way nobody dares: how long it takes, and who waits for it."""

import random
import threading
import time
from dataclasses import dataclass
from typing import Final

from pgtide.postgres.session import Session, connect

# As often as one careful user of an application.
_EVERY: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class OneUpdate:
    """Seconds that it took, and the longest that a write of one row took meanwhile."""

    seconds: float
    longest: float


def run(session: Session, url: str, statement: str, *, table: str, rows: int) -> OneUpdate:
    """Run the statement while somebody else writes rows of the same table, one at a time."""
    waits: list[float] = []
    ended = threading.Event()

    def write() -> None:
        # Seeded: a run can be repeated.
        chance = random.Random(table)  # no secret
        # Whoever has no time limit waits for all of it: that is what is shown.
        with connect(url, purpose="demo") as other, other.unhurried():
            while not ended.wait(_EVERY):
                begun = time.monotonic()
                other.execute(
                    f"UPDATE {table} SET last_login_at = now() WHERE id = %(id)s",  # noqa: S608  # our own name
                    {"id": chance.randint(1, rows)},
                )
                waits.append(time.monotonic() - begun)

    writer = threading.Thread(target=write)
    writer.start()
    begun = time.monotonic()
    try:
        session.execute(statement)
        seconds = time.monotonic() - begun
    finally:
        ended.set()
        writer.join()
    return OneUpdate(seconds=seconds, longest=max(waits, default=0.0))
