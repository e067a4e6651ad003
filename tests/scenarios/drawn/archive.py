"""What an undo must keep aside: the values that the old columns do not say."""

from collections.abc import Mapping, Sequence

import psycopg

from tests.scenarios.drawn.case import Case
from tests.scenarios.drawn.rules import Names, Stage, model_of, moved
from tests.scenarios.sync_model import PairRule, Row

# Which columns of a row are in the archive, by the row's key as text.
Archived = Mapping[str, frozenset[str]]


def lost(case: Case, names: Sequence[Names], rows: Sequence[Row], *, at: Stage) -> Archived:
    """Return what must be found in the archive once rows have lost their new columns."""
    model = model_of(case, names, Stage.BOTH)
    private = {one.new for one in names if not one.one.kind.identity}
    found = {}
    for one in rows:
        row = moved(one, case, names, at=at, to=Stage.BOTH)
        values = {added.name for added in model.added if row[added.name] is not None}
        for pair in model.pairs:
            assert isinstance(pair, PairRule)
            # Where both columns hold equal values a NULL is a row not filled yet.
            said = pair.new in private or row[pair.new] is not None
            if said and row[pair.new] != pair.up(row):
                values.add(pair.new)
        if values:
            found[str(row[model.key])] = frozenset(values)
    return found


def archived(connection: psycopg.Connection, case: Case) -> Archived:
    """Return what the archive has."""
    rows = connection.execute(
        'SELECT key ->> %s, array(SELECT jsonb_object_keys("values")) FROM pgtide.archive',
        (case.table.identity,),
    ).fetchall()
    return {key: frozenset(names) for key, names in rows}
