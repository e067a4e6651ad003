"""A thousand rows after the last key, locked by a CTE and touched; a trigger fills them.

So pgroll does it: its trigger, which keeps the shapes in step, is also what computes the values.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

import psycopg

from tests.bench.contender import Contender
from tests.bench.dataset import TABLE, WIDEN
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
    f"CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON {TABLE}"
    " FOR EACH ROW EXECUTE FUNCTION public.fill()"
)
_BATCH: Final = f"""
WITH batch AS (
    SELECT id FROM {TABLE} WHERE id > %s ORDER BY id LIMIT 1000 FOR NO KEY UPDATE
), touched AS (
    UPDATE {TABLE} AS t SET id = t.id FROM batch WHERE t.id = batch.id RETURNING t.id
)
SELECT max(id) FROM touched
"""


def prepare(url: str) -> Callable[[], object]:
    """Add the columns and the trigger."""
    run(url, WIDEN, _FUNCTION, _TRIGGER)
    return partial(fill, url)


def fill(url: str) -> None:
    """Commit batch after batch, until none is left after the last key."""
    with psycopg.connect(url, autocommit=True) as session:
        last = -1
        while (end := session.execute(_BATCH.encode(), [last]).fetchone()) != (None,):
            assert end is not None
            last = end[0]


CONTENDER: Final = Contender(name="keyset of 1,000, CTE, trigger", prepare=prepare)
