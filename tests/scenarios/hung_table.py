"""A table on which hangs all that follows a column, its migration, and its ways back."""

from collections.abc import Callable
from functools import partial

from pgtide import AddColumn, ReplaceColumn
from pgtide.errors import Refused
from tests.contracting import dump
from tests.driving import migrate, refusal
from tests.later import contract
from tests.psql import undo_from_psql
from tests.small_table import SMALL_ID, run, small_migration

# Of everything that follows a column one.
POLICY = "CREATE POLICY few ON public.t USING (a < 9 OR now() > '2020-01-01 00:00:00+00')"
VIEW = "CREATE VIEW public.v AS SELECT id, a FROM public.t"
TRIGGER = "BEFORE UPDATE OF {column} ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()"
TOLD = f"CREATE TRIGGER told {TRIGGER.format(column='a')}"
BASE = (
    (
        "CREATE TABLE public.t"
        " (id int PRIMARY KEY, a int DEFAULT 5 CONSTRAINT small CHECK (a < 999), b int)"
    ),
    "INSERT INTO public.t SELECT g, g, g FROM generate_series(1, 50) g",
    VIEW,
)
TABLE = (
    *BASE,
    "CREATE INDEX t_a ON public.t (a)",
    "CREATE STATISTICS public.t_ab ON a, b FROM public.t",
    POLICY,
    "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'",
    TOLD,
    "CREATE SEQUENCE public.s OWNED BY public.t.a",
    "GRANT SELECT (a) ON public.t TO PUBLIC",
    "CREATE PUBLICATION chosen FOR TABLE public.t (id, a)",
)
MIGRATION = small_migration(
    ReplaceColumn("a", interim="a_v2", type="integer"), AddColumn("n", type="int")
)
STATE = "SELECT state, last_error FROM pgtide.migration"
PHASES = "SELECT phase, state FROM pgtide.phase WHERE phase IN ('contract', 'rollback') ORDER BY 1"
LOG = "SELECT status, rollback_available FROM pgtide.migration_log"


def contracted(url: str) -> str:
    """Carry the migration out as far as contract; return the schema as it was right before that."""
    migrate(url, MIGRATION)
    then = dump(url)
    contract(url, SMALL_ID, release="1.1.0")
    return then


def refused(url: str, back: Callable[..., object]) -> str:
    """Return what a way back is refused with."""
    error = refusal(partial(back, url, SMALL_ID))
    assert isinstance(error, Refused), error
    assert "again" in error.remedy
    return error.what


def by_psql(url: str) -> str:
    """Undo from psql and return what is said; where it is refused, the ledger says so too."""
    answer = undo_from_psql(url, "1.0.0")
    if not answer.undone:
        assert run(url, PHASES) == [("contract", "done"), ("rollback", "failed")]
        assert run(url, LOG) == [("SUCCESS", True)]
        [(state, error)] = run(url, STATE)
        assert (state, str(error) in answer.said) == ("contracted", True)
    return answer.said
