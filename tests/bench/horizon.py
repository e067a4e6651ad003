"""An idle transaction that keeps a snapshot, as somebody leaves one open over lunch."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tests.bench.contender import Contender
from tests.small_table import run

HOLDER: Final = "bench holder"
# The audit of a run that began after the snapshot was taken, by the name or the process of who
# keeps it.
_NAMED: Final = """
SELECT count(*) FROM pgtide.event
 WHERE at > '{since}' AND (detail::text LIKE '%{holder}%' OR detail::text ~ '\\y{pid}\\y')
"""


class Pinned:
    """Keep old row versions alive during each filling; note whether the audit then says who does.

    `named` has an answer for each try of each contender.
    """

    def __init__(self) -> None:
        self.named: dict[str, list[bool]] = {}

    @contextmanager
    def __call__(self, url: str, contender: Contender) -> Iterator[None]:
        """Keep a snapshot while the block runs."""
        with psycopg.connect(url, application_name=HOLDER) as session:
            session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            [since] = session.execute("SELECT clock_timestamp()::text").fetchone() or ("",)
            yield
            found = run(
                url,
                _NAMED.format(since=since, holder=HOLDER, pid=session.info.backend_pid),
            )
        self.named.setdefault(contender.name, []).append(found != [(0,)])
