"""A view or policy that does not hold with the new type is refused before anything has changed."""

import pytest

from pgtide import ReplaceColumn
from pgtide.errors import Refused
from tests.catalog_snapshot import changes, snapshot
from tests.contracting import contract
from tests.driving import migrate, plan_of, refusal
from tests.small_table import create_small, run, small_migration

# That nothing was changed could not be seen of a ledger that is there already.
pytestmark = pytest.mark.untouched

AS_TEXT = small_migration(ReplaceColumn("a", type="text", up="a::text", down="a::int"))
HOLDS = (
    "CREATE VIEW public.v AS SELECT id, a FROM public.t",
    "CREATE VIEW public.w AS SELECT v.a, other.a AS b FROM public.v JOIN public.t other USING (id)",
    "CREATE VIEW public.x AS WITH t AS (SELECT a FROM public.t) SELECT a FROM t",
    "CREATE VIEW public.y AS SELECT id, a, count(*) AS n FROM public.t GROUP BY id",
    "CREATE POLICY p ON public.t USING (a IS NOT NULL)",
    "CREATE POLICY q ON public.t USING (EXISTS (SELECT FROM public.t s WHERE s.a = t.a))",
)
RANGED = (
    "CREATE VIEW public.v AS SELECT sum(id) OVER (ORDER BY a RANGE 1 PRECEDING) AS s FROM public.t"
)
# The row type of a copy is not the table's.
COPY = (
    "CREATE FUNCTION public.whole(public.t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.id'",
    "CREATE VIEW public.v AS SELECT whole(t.*) AS id, a FROM public.t",
    "CREATE VIEW public.w AS SELECT v.a FROM public.v",
)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (("CREATE VIEW public.v AS SELECT a + 1 AS next FROM public.t",), "text + integer"),
        (("CREATE VIEW public.v AS SELECT FROM public.t WHERE a > 3",), "text > integer"),
        (
            (RANGED,),
            "RANGE with offset PRECEDING/FOLLOWING is not supported for column type text",
        ),
        (
            (
                "CREATE VIEW public.v AS SELECT id, a FROM public.t",
                "CREATE VIEW public.w AS SELECT sum(a) FROM public.v",
            ),
            "view public.w, whose columns change their type: function sum(text)",
        ),
        (("CREATE POLICY few ON public.t USING (a < 3)",), "the policy few: operator does not"),
        (("CREATE POLICY few ON public.t WITH CHECK (a < 3)",), "the policy few: operator does"),
        ((*COPY, "CREATE VIEW public.x AS SELECT a + 1 AS next FROM public.t"), "text + integer"),
        ((*HOLDS, "CREATE POLICY z ON public.t USING (a < 3)"), "the policy z: operator"),
    ],
)
def test_what_the_new_type_breaks_is_refused_by_name(
    database: str, made: tuple[str, ...], says: str
) -> None:
    """It failed in contract, a release later, with everything built and filled."""
    create_small(database)
    run(database, *made)
    before = snapshot(database)
    error = refusal(lambda: plan_of(database, AS_TEXT))
    assert isinstance(error, Refused)
    assert error.what.startswith("Contract could not carry over the ")
    assert says in error.what
    assert changes(before, snapshot(database)) == []


def test_what_holds_is_carried_over(database: str) -> None:
    create_small(database)
    run(database, *HOLDS)
    migrate(database, AS_TEXT)
    contract(database, AS_TEXT)
    assert run(database, "SELECT pg_typeof(a)::text, pg_typeof(b)::text FROM public.w LIMIT 1") == [
        ("text", "text")
    ]


def test_what_fails_on_a_copy_of_the_old_types_too_says_nothing(database: str) -> None:
    """The row type of a copy is not the table's."""
    create_small(database)
    run(database, *COPY)
    assert plan_of(database, AS_TEXT).replacements
