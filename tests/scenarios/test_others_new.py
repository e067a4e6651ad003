"""Objects that others made on the columns of a migration, and its undo."""

from collections.abc import Callable
from functools import partial

import pytest

from pgtide import ReplaceColumn
from pgtide.model.state import State
from tests.contracting import dump
from tests.driving import migrate, record_of, undo
from tests.later import contract, purge, to_verified
from tests.psql import undo_from_psql
from tests.scenarios.hung_table import BASE, MIGRATION, TABLE, TRIGGER, by_psql, contracted, refused
from tests.small_table import SMALL_ID, run, small_migration


@pytest.fixture
def before(database: str) -> str:
    """Return the schema of a table that everything hangs on."""
    run(database, *TABLE)
    return dump(database)


@pytest.fixture
def verified(database: str, before: str) -> str:
    """Return the schema as it is where the migration is contracted next."""
    assert before
    return contracted(database)


# Each keeps a column from being dropped, and would have been found by the server half way.
OBSTACLES = (
    (
        "CREATE VIEW public.late AS SELECT a AS one FROM public.t",
        "view public.late depends on column a: CREATE VIEW public.late AS",
        "DROP VIEW public.late",
    ),
    (
        "CREATE POLICY late ON public.t USING (n > 0)",
        "policy late on public.t depends on column n: CREATE POLICY late",
        "DROP POLICY late ON public.t",
    ),
    (
        f"CREATE TRIGGER late {TRIGGER.format(column='n')}",
        "trigger late on public.t depends on column n",
        "DROP TRIGGER late ON public.t",
    ),
    (
        "CREATE SCHEMA api; CREATE VIEW api.t AS SELECT a FROM public.t",
        "view api.t depends on column a: CREATE VIEW api.t AS",
        "DROP SCHEMA api CASCADE",
    ),
    (
        "CREATE RULE late AS ON UPDATE TO public.t WHERE new.a < 0 DO INSTEAD NOTHING",
        "rule late on public.t depends on column a: CREATE RULE late",
        "DROP RULE late ON public.t",
    ),
    (
        "ALTER TABLE public.t ADD COLUMN twice int GENERATED ALWAYS AS (a * 2) STORED",
        "default value for public.t.twice depends on column a: (a * 2)",
        "ALTER TABLE public.t DROP COLUMN twice",
    ),
    (
        "CREATE PUBLICATION late FOR TABLE public.t (id, a)",
        "entry public.t in publication late depends on column a: ALTER PUBLICATION late ADD",
        "DROP PUBLICATION late",
    ),
)


@pytest.mark.parametrize("tell", [partial(refused, back=undo), by_psql])
def test_what_would_keep_a_column_is_named_before_anything_is_undone(
    database: str, before: str, verified: str, tell: Callable[[str], str]
) -> None:
    assert verified
    for make, says, drop in OBSTACLES:
        run(database, make)
        assert says in tell(database)
        assert record_of(database, SMALL_ID).state is State.CONTRACTED
        run(database, drop)
    undo(database, SMALL_ID)
    assert dump(database) == before


def test_what_keeps_a_column_does_not_keep_contract_from_being_undone(
    database: str, verified: str
) -> None:
    assert verified
    run(database, OBSTACLES[0][0])
    assert to_verified(database, SMALL_ID).state is State.VERIFIED
    assert "view public.late depends on column a_v2" in refused(database, undo)
    assert record_of(database, SMALL_ID).state is State.VERIFIED
    run(database, "DROP VIEW public.late")
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK


def test_what_named_an_interim_column_before_contract_keeps_it_after(
    database: str, before: str
) -> None:
    migrate(database, MIGRATION)
    run(database, "CREATE VIEW public.early AS SELECT a_v2 FROM public.t")
    contract(database, SMALL_ID, release="1.1.0")
    assert "view public.early depends on column a_v2" in refused(database, undo)
    assert "view public.early on a_v2" in refused(database, purge)
    run(database, "DROP VIEW public.early")
    assert "view public.early is gone" in refused(database, undo)
    run(database, "CREATE VIEW public.early AS SELECT a_v2 FROM public.t")
    to_verified(database, SMALL_ID)
    run(database, "DROP VIEW public.early")
    undo(database, SMALL_ID)
    assert dump(database) == before


def test_a_view_on_one_that_has_to_be_made_again_is_named(database: str) -> None:
    run(database, *BASE, "CREATE VIEW public.w AS SELECT a FROM public.v")
    migrate(database, small_migration(ReplaceColumn("a", type="bigint")))
    verified = dump(database)
    contract(database, SMALL_ID, release="1.1.0")
    run(database, "CREATE VIEW public.late AS SELECT a FROM public.w")
    for back in (undo, to_verified):
        found = refused(database, back)
        assert "view public.late stands on view public.w, which has to be made again" in found
    assert "view public.late stands on" in by_psql(database)
    run(database, "DROP VIEW public.late", "GRANT SELECT ON public.w TO PUBLIC")
    assert "view public.w was changed" in refused(database, to_verified)
    run(database, "REVOKE SELECT ON public.w FROM PUBLIC")
    to_verified(database, SMALL_ID)
    assert dump(database) == verified


ALONG = (
    "CREATE INDEX late_i ON public.t (a, b)",
    "ALTER TABLE public.t ADD CONSTRAINT late_c CHECK (n < 999)",
    "CREATE STATISTICS public.late_s ON a, n FROM public.t",
)
GOING = (
    "constraint late_c on public.t: ALTER TABLE public.t ADD CONSTRAINT late_c CHECK ((n < 999))",
    "index public.late_i: CREATE INDEX CONCURRENTLY late_i ON public.t USING btree (a, b)",
    "statistics public.late_s: CREATE STATISTICS public.late_s ON a, n FROM public.t",
)


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("contracted", [False, True])
def test_what_goes_with_a_new_column_is_told_with_its_definition(
    database: str, before: str, *, by_hand: bool, contracted: bool
) -> None:
    migrate(database, MIGRATION)
    if contracted:
        contract(database, SMALL_ID, release="1.1.0")
    column = "a" if contracted else "a_v2"
    run(database, *(text.replace("a, ", f"{column}, ") for text in ALONG))
    going = [text.replace("a, ", f"{column}, ") for text in GOING]
    if by_hand:
        answer = undo_from_psql(database, "1.0.0")
        assert all(f"goes with its column: {line}" in answer.said for line in going), answer
    else:
        undo(database, SMALL_ID)
    events = "SELECT detail -> 'what' FROM pgtide.event WHERE kind = 'goes_along'"
    assert run(database, events) == [(going,)]
    assert dump(database) == before


def test_an_undo_tells_nothing_of_its_own_things(database: str, before: str, verified: str) -> None:
    assert verified
    undo(database, SMALL_ID)
    assert run(database, "SELECT FROM pgtide.event WHERE kind = 'goes_along'") == []
    assert dump(database) == before
