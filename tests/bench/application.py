"""The application beside a backfill: a process of its own, steady work on several connections.

`python -m tests.bench.application URL ROWS` says `ready`, works until its standard input is closed,
and prints what it did. A statement is measured from when it was due: one that keeps a connection
for a second makes those behind it late too, and their users wait as well. What was due before the
end is still done after it: a connection that was blocked to the last has statements behind it.
"""

import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

import psycopg

RATE: Final = 240
CONNECTIONS: Final = 6
_HOT: Final = 10

Statement = tuple[str, tuple[int, ...]]
Entry = tuple[float, float, bool]


def requests(rows: int, *, worker: int) -> Iterator[Statement]:
    """Give what one connection asks for, without end, by the names of before the migration."""
    chance = random.Random(worker)
    fresh = itertools.count(3 * rows + 3 + worker, CONNECTIONS)
    mine: list[int] = []
    for turn in itertools.count():
        key = 3 * chance.randint(1, rows)
        match turn % 10:
            case 0 | 1 | 2 | 3:
                yield "SELECT * FROM public.users WHERE id = %s", (key,)
            case 4:
                yield _FLAG, (key,)
            case 5:
                yield _TOKEN, (turn, key)
            case 6:
                yield "UPDATE public.users SET updated_at = now() WHERE id = %s", (key,)
            case 7:
                hot = 3 * chance.randint(1, min(_HOT, rows))
                yield "UPDATE public.users SET updated_at = now() WHERE id = %s", (hot,)
            case 8:
                mine.append(next(fresh))
                yield _NEW, (mine[-1],)
            case _:
                # Half of what it made stays.
                gone = mine.pop(0) if turn % 20 == 9 else -1
                yield "DELETE FROM public.users WHERE id = %s", (gone,)


_FLAG: Final = (
    "UPDATE public.users SET email_verified = NOT coalesce(email_verified, false) WHERE id = %s"
)
_TOKEN: Final = "UPDATE public.users SET verification_token = 't' || %s WHERE id = %s"
_NEW: Final = "INSERT INTO public.users (id, email) VALUES (%s, 'new@example.org')"
# Once around the log's buffers.
_AROUND: Final = """
SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 8000)))
FROM generate_series(0, pg_size_bytes(current_setting('wal_buffers')) / 8000)
"""


class End:
    """The moment from which nothing is due any more."""

    def __init__(self) -> None:
        self._came = threading.Event()
        self._at = float("inf")

    def come(self) -> None:
        """Make it now."""
        self._at = time.monotonic()
        self._came.set()

    def before(self, due: float) -> bool:
        """Wait until something is due; tell whether the end is before that."""
        self._came.wait(max(0.0, due - time.monotonic()))
        return due > self._at


# One at a time writes all of the log that is written, and so comes by each buffer.
_ALONE: Final = threading.Lock()
# None is late because another has still to connect.
_BEGIN: Final = threading.Barrier(CONNECTIONS + 1)


def work(url: str, rows: int, *, worker: int, end: End, seen: list[Entry]) -> None:
    """Run statements at a steady pace to the end, once all are there; late ones are caught up with.

    A connection of a pool has seen all of the log's buffers; to a new one each page of them is a
    fault of its own when it first commits after others that write much, a millisecond in all.
    """
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as session:
        with _ALONE:
            session.execute(_AROUND)
        _BEGIN.wait()
        due = time.monotonic() + worker / RATE
        for text, values in requests(rows, worker=worker):
            if end.before(due):
                return
            failed = False
            try:
                session.execute(text.encode(), values)
            except psycopg.Error as error:
                failed = True
                print(error, file=sys.stderr)
            seen.append((due, time.monotonic() - due, failed))
            due += CONNECTIONS / RATE


def main() -> None:
    """Work until standard input ends."""
    url, rows, end = sys.argv[1], int(sys.argv[2]), End()
    seen: list[Entry] = []
    threads = [
        threading.Thread(
            target=work, args=(url, rows), kwargs={"worker": number, "end": end, "seen": seen}
        )
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    _BEGIN.wait()
    print("ready", flush=True)
    sys.stdin.read()
    end.come()
    for thread in threads:
        thread.join()
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()
