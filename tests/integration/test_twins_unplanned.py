"""What the old column got, lost or changed after the plan was made is named before contract."""

import pytest

from pgtide import Index, ReplaceColumn
from pgtide.postgres.session import connect
from pgtide.postgres.unplanned import unplanned
from tests.driving import migrate, record_of
from tests.small_table import SMALL_ID, create_small, run, small_migration

CHANGES = (
    ReplaceColumn("a", type="bigint", down="a::int"),
    Index("declared", on="a", where="a > 3"),
)
BEFORE = (
    "CREATE INDEX declared ON public.t (a)",
    "CREATE INDEX planned ON public.t (a)",
    "ALTER TABLE public.t ADD CONSTRAINT positive CHECK (a > 0), ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE public.t ADD CONSTRAINT single UNIQUE (a)",
    "CREATE STATISTICS pair ON a, id FROM public.t",
    "CREATE INDEX elsewhere ON public.t (id)",
)
LATER = {
    "CREATE INDEX late ON public.t (a)": ("index late",),
    "CREATE INDEX late ON public.t (id) WHERE a > 7": ("index late",),
    "CREATE INDEX late ON public.t (id)": (),
    "ALTER TABLE public.t ADD CONSTRAINT late CHECK (a < 10000)": ("constraint late",),
    "ALTER TABLE public.t ADD CONSTRAINT late UNIQUE (a)": ("constraint late",),
    "ALTER TABLE public.t ADD CONSTRAINT late EXCLUDE (a WITH =)": ("constraint late",),
    "ALTER TABLE public.t ADD CONSTRAINT late FOREIGN KEY (a) REFERENCES public.t (id)": (
        "constraint late",
    ),
    "CREATE STATISTICS late (mcv) ON a, id FROM public.t": ("statistics late",),
    "ALTER TABLE public.t ALTER COLUMN a DROP NOT NULL": ("NOT NULL a, which is gone",),
    "DROP INDEX public.planned": ("index planned, which is gone",),
    "DROP INDEX public.planned; CREATE INDEX planned ON public.t (a DESC)": (
        "index planned, which was changed since",
    ),
    "ALTER TABLE public.t DROP CONSTRAINT positive, ADD CONSTRAINT positive CHECK (a > -1)": (
        "constraint positive, which was changed since",
    ),
    "ALTER TABLE public.t DROP CONSTRAINT single, ADD CONSTRAINT single UNIQUE (a) DEFERRABLE": (
        "constraint single, which was changed since",
    ),
    "ALTER INDEX public.declared RENAME TO other": ("index other",),
}


@pytest.mark.wide
@pytest.mark.parametrize("later", LATER)
def test_what_has_no_twin_is_named(database: str, later: str) -> None:
    create_small(database)
    run(database, *BEFORE)
    plan = migrate(database, small_migration(*CHANGES)).plan
    with connect(database, purpose="test") as session:
        assert unplanned(session, plan) == ()
        run(database, *later.split("; "))
        assert unplanned(session, record_of(database, SMALL_ID).plan) == LATER[later]
        with session.transaction(settings={"search_path": "public"}):
            assert unplanned(session, plan) == LATER[later]
            assert session.value("SELECT current_setting('search_path')") == "public"


def test_a_not_null_that_came_later_is_named(database: str) -> None:
    create_small(database)
    plan = migrate(database, small_migration(*CHANGES)).plan
    run(database, "ALTER TABLE public.t ALTER COLUMN a SET NOT NULL")
    with connect(database, purpose="test") as session:
        assert unplanned(session, plan) == ("NOT NULL a",)
