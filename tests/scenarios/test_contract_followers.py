"""Everything that follows a column at once, through contract, both ways back, and purge."""

from collections.abc import Callable

import pytest

from pgtide import ReplaceColumn
from pgtide.model.state import State
from tests.contracting import dump
from tests.driving import migrate, undo
from tests.later import contract, purge, to_verified
from tests.psql import undo_from_psql
from tests.small_table import SMALL_ID, create_small, run, small_migration

_FOLLOWERS = (
    "CREATE SEQUENCE public.numbers START 5000 OWNED BY public.t.a",
    "ALTER TABLE public.t ALTER a SET DEFAULT nextval('public.numbers'), ALTER a SET NOT NULL",
    "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 1000000)",
    "CREATE INDEX t_a ON public.t (a) WHERE a > 3",
    "CREATE VIEW public.v AS SELECT id, a FROM public.t",
    "CREATE VIEW public.w AS SELECT sum(a) AS total FROM public.v",
    "GRANT SELECT ON public.v TO PUBLIC",
    "CREATE POLICY few ON public.t USING (a < 3)",
    "CREATE PUBLICATION chosen FOR TABLE public.t (id, a)",
    "COMMENT ON COLUMN public.t.a IS 'a number'",
    "CREATE TABLE public.audit (n bigint)",
    (
        "CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN INSERT INTO public.audit VALUES (new.a); RETURN NULL; END'"
    ),
    (
        "CREATE TRIGGER audited AFTER UPDATE OF a ON public.t FOR EACH ROW"
        " EXECUTE FUNCTION public.noted()"
    ),
)
CHANGES = {
    "interim": ReplaceColumn("a", interim="a_v2", type="integer"),
    "private": ReplaceColumn("a", type="bigint"),
}


def from_psql(url: str) -> None:
    answer = undo_from_psql(url, "1.0.0")
    assert answer.undone, answer


def from_the_command(url: str) -> None:
    assert undo(url, SMALL_ID).state is State.ROLLED_BACK


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("back", [from_psql, from_the_command], ids=["psql", "down"])
def test_all_of_it_goes_there_and_back(
    database: str, change: ReplaceColumn, back: Callable[[str], None]
) -> None:
    create_small(database)
    run(database, *_FOLLOWERS)
    shape = dump(database)
    migrate(database, small_migration(change))
    verified = dump(database)
    assert contract(database, SMALL_ID).state is State.CONTRACTED
    run(database, "UPDATE public.t SET a = 77 WHERE id = 1")
    assert to_verified(database, SMALL_ID).state is State.VERIFIED
    assert dump(database) == verified
    contract(database, SMALL_ID)
    run(database, "UPDATE public.t SET a = 78 WHERE id = 2")
    back(database)
    assert dump(database) == shape
    assert run(database, "SELECT a FROM public.t WHERE id < 3 ORDER BY id") == [(77,), (78,)]
    assert run(database, "SELECT n FROM public.audit ORDER BY n") == [(77,), (78,)]


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_all_of_it_is_there_after_purge(database: str, change: ReplaceColumn) -> None:
    create_small(database)
    run(database, *_FOLLOWERS)
    shape = dump(database)
    migrate(database, small_migration(change))
    contract(database, SMALL_ID)
    assert purge(database, SMALL_ID).state is State.COMPLETED
    assert dump(database).replace("a bigint", "a integer") == shape
