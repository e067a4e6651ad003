"""What names a column elsewhere means the new column after contract, and the old one after undo."""

import pytest

from tests.following import Following, follows
from tests.roles import temporary_role

_AUDIT = (
    "CREATE TABLE public.audit (was int, became int)",
    (
        "CREATE FUNCTION public.noted() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO public.audit VALUES (old.a, new.a); RETURN NULL; END'"
    ),
)
_CHANGED = "UPDATE public.t SET a = 99 WHERE id = 1"

CASES = (
    Following(
        name="trigger on UPDATE OF",
        setup=(
            *_AUDIT,
            (
                "CREATE TRIGGER audited AFTER UPDATE OF a ON public.t FOR EACH ROW"
                " WHEN (new.a > old.a) EXECUTE FUNCTION public.noted()"
            ),
            "ALTER TABLE public.t ENABLE ALWAYS TRIGGER audited",
            "COMMENT ON TRIGGER audited ON public.t IS 'who changed it'",
        ),
        probe=(_CHANGED, "SELECT * FROM public.audit"),
        right=[(1, 99)],
        naive=[],
    ),
    Following(
        name="constraint trigger on UPDATE OF",
        setup=(
            *_AUDIT,
            (
                "CREATE CONSTRAINT TRIGGER audited AFTER UPDATE OF a ON public.t"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.noted()"
            ),
            "COMMENT ON TRIGGER audited ON public.t IS 'who changed it'",
        ),
        probe=(_CHANGED, "SET CONSTRAINTS ALL IMMEDIATE", "SELECT * FROM public.audit"),
        right=[(1, 99)],
        naive=[],
    ),
    Following(
        name="disabled trigger on UPDATE OF",
        setup=(
            *_AUDIT,
            (
                "CREATE TRIGGER audited AFTER UPDATE OF a ON public.t FOR EACH ROW"
                " EXECUTE FUNCTION public.noted()"
            ),
            "ALTER TABLE public.t DISABLE TRIGGER audited",
        ),
        probe=(
            "ALTER TABLE public.t ENABLE TRIGGER audited",
            _CHANGED,
            "SELECT * FROM public.audit",
        ),
        right=[(1, 99)],
        naive=[],
    ),
    Following(
        name="views, one on the other",
        setup=(
            (
                "CREATE VIEW public.v WITH (security_barrier = true, check_option = local)"
                " AS SELECT id, a, a AS again FROM public.t WHERE a > 0"
            ),
            "CREATE VIEW public.w AS SELECT id, again FROM public.v",
            "COMMENT ON VIEW public.v IS 'seen'",
            "COMMENT ON COLUMN public.v.again IS 'twice'",
            "GRANT SELECT ON public.v TO $role",
            (
                "CREATE FUNCTION public.instead() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN new; END'"
            ),
            (
                "CREATE TRIGGER caught INSTEAD OF DELETE ON public.v FOR EACH ROW"
                " EXECUTE FUNCTION public.instead()"
            ),
        ),
        probe=(_CHANGED, "SELECT again FROM public.w WHERE id = 1"),
        right=[(99,)],
        naive=[(1,)],
    ),
    Following(
        name="policy",
        setup=(
            "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY",
            "GRANT SELECT ON public.t TO $role",
            "CREATE POLICY few ON public.t TO $role USING (a < 3) WITH CHECK (a < 2)",
        ),
        probe=(
            "UPDATE public.t SET a = 9 WHERE id = 2",
            "SET LOCAL ROLE $role",
            "SELECT id FROM public.t ORDER BY id",
        ),
        right=[(1,)],
        naive=[(1,), (2,)],
    ),
    Following(
        name="publication's column list and row filter",
        setup=(
            (
                "CREATE PUBLICATION chosen FOR TABLE public.t (id, a) WHERE (id > 3 AND a > 4)"
                " WITH (publish = 'insert')"
            ),
        ),
        probe=("SELECT attnames FROM pg_publication_tables WHERE pubname = 'chosen'",),
        right=[(["id", "a"],)],
        naive=[(["id", "a_old"],)],
    ),
    Following(
        name="function whose body the server has bound",
        setup=(
            (
                "CREATE FUNCTION public.f(n int) RETURNS int STABLE LANGUAGE sql BEGIN ATOMIC"
                " SELECT a FROM public.t WHERE id = n; END"
            ),
            "REVOKE ALL ON FUNCTION public.f FROM PUBLIC",
            "GRANT EXECUTE ON FUNCTION public.f TO $role",
            "COMMENT ON FUNCTION public.f IS 'reads'",
        ),
        probe=(_CHANGED, "SELECT public.f(1)"),
        right=[(99,)],
        naive=[(1,)],
    ),
)


@pytest.mark.wide
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_follows_the_name(database: str, case: Following) -> None:
    with temporary_role(database) as (role, _):
        follows(database, case, role)
