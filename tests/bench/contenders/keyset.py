"""A thousand rows after the last key, locked by a CTE and touched; a trigger fills them.

So pgroll does it: its trigger, which keeps the shapes in step, is also what computes the values.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from tests.bench.bench_table import BenchTable
from tests.bench.contender import Contender, Filling
from tests.bench.tables.strategy import RELATION, TABLE
from tests.small_table import run

_FUNCTION: Final = """
CREATE FUNCTION public.fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.email_verified_v2 := new.email_verified;
    new.verification_token_v2 := new.verification_token;
    new.verified_at := CASE WHEN new.email_verified THEN new.created_at END;
    RETURN new;
END
$$
"""
_TRIGGER: Final = (
    f"CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON {RELATION}"
    " FOR EACH ROW EXECUTE FUNCTION public.fill()"
)
_BATCH: Final = f"""
WITH batch AS (
    SELECT id FROM {RELATION} WHERE id > %s ORDER BY id LIMIT 1000 FOR NO KEY UPDATE
), touched AS (
    UPDATE {RELATION} AS t SET id = t.id FROM batch WHERE t.id = batch.id RETURNING t.id
)
SELECT max(id) FROM touched
"""


@contextmanager
def ready(url: str, table: BenchTable) -> Iterator[Filling]:
    """Add the columns and the trigger."""
    run(url, table.widen, _FUNCTION, _TRIGGER)
    yield lambda: fill(url)


def fill(url: str) -> None:
    """Commit batch after batch, until none is left after the last key."""
    with psycopg.connect(url, autocommit=True) as session:
        last = -1
        while (end := session.execute(_BATCH.encode(), [last]).fetchone()) != (None,):
            assert end is not None
            last = end[0]


CONTENDER: Final = Contender(name="keyset of 1,000, CTE, trigger", ready=ready, table=TABLE)
