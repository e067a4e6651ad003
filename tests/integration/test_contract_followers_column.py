"""What is kept with a column, or built on it, keeps its name and its force through contract."""

import pytest

from tests.following import Following, follows
from tests.roles import temporary_role

CASES = (
    Following(
        name="default",
        setup=("ALTER TABLE public.t ALTER a SET DEFAULT 7",),
        probe=("INSERT INTO public.t (id) VALUES (1000) RETURNING a",),
        right=[(7,)],
        naive=[(None,)],
    ),
    Following(
        name="not null",
        setup=("ALTER TABLE public.t ALTER a SET NOT NULL",),
        probe=("UPDATE public.t SET a = NULL",),
        right="23502",
        naive=[],
    ),
    Following(
        name="check",
        setup=("ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 1000)",),
        probe=("INSERT INTO public.t (id, a) VALUES (1000, 1000)",),
        right="23514",
        naive=[],
    ),
    Following(
        name="foreign key",
        setup=(
            "CREATE TABLE public.other (n int PRIMARY KEY)",
            "INSERT INTO public.other SELECT generate_series(1, 500)",
            "ALTER TABLE public.t ADD CONSTRAINT t_other FOREIGN KEY (a) REFERENCES public.other",
        ),
        probe=("INSERT INTO public.t (id, a) VALUES (1000, 1000)",),
        right="23503",
        naive=[],
    ),
    Following(
        name="index",
        setup=("CREATE INDEX t_a ON public.t (a) WHERE a > 3",),
        probe=("SELECT indexdef FROM pg_indexes WHERE indexname = 't_a'",),
        right=[("CREATE INDEX t_a ON public.t USING btree (a) WHERE (a > 3)",)],
        naive=[("CREATE INDEX t_a ON public.t USING btree (a_old) WHERE (a_old > 3)",)],
    ),
    Following(
        name="index by which CLUSTER sorts",
        setup=("CREATE INDEX t_a ON public.t (a)", "ALTER TABLE public.t CLUSTER ON t_a"),
        probe=(
            (
                "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indisclustered"
                " AND indrelid = 'public.t'::regclass"
            ),
        ),
        right=[("CREATE INDEX t_a ON public.t USING btree (a)",)],
        naive=[("CREATE INDEX t_a ON public.t USING btree (a_old)",)],
    ),
    Following(
        name="unique",
        setup=("ALTER TABLE public.t ADD CONSTRAINT t_once UNIQUE (a)",),
        probe=("INSERT INTO public.t (id, a) VALUES (1000, 3)",),
        right="23505",
        naive=[],
    ),
    Following(
        name="column privileges",
        setup=(
            "GRANT SELECT (id, a), UPDATE (a) ON public.t TO $role",
            "GRANT REFERENCES (a) ON public.t TO $role WITH GRANT OPTION",
        ),
        probe=(
            "SET LOCAL ROLE $role",
            "UPDATE public.t SET a = 8 WHERE id = 1",
            "SELECT a FROM public.t WHERE id = 1",
        ),
        right=[(8,)],
        naive="42501",
    ),
    Following(
        name="comment",
        setup=("COMMENT ON COLUMN public.t.a IS 'it''s a number'",),
        probe=(
            (
                "SELECT col_description(attrelid, attnum) FROM pg_attribute"
                " WHERE attrelid = 'public.t'::regclass AND attname = 'a'"
            ),
        ),
        right=[("it's a number",)],
        naive=[(None,)],
    ),
    Following(
        name="statistics target and options",
        setup=(
            "ALTER TABLE public.t ALTER a SET STATISTICS 700",
            "ALTER TABLE public.t ALTER a SET (n_distinct = -0.5)",
        ),
        probe=(
            (
                "SELECT nullif(attstattarget, -1), attoptions FROM pg_attribute"
                " WHERE attrelid = 'public.t'::regclass AND attname = 'a'"
            ),
        ),
        right=[(700, ["n_distinct=-0.5"])],
        naive=[(None, None)],
    ),
    Following(
        name="storage and compression",
        setup=(
            "ALTER TABLE public.t ALTER a SET STORAGE EXTERNAL",
            "ALTER TABLE public.t ALTER a SET COMPRESSION pglz",
        ),
        probe=(
            (
                "SELECT attstorage::text, attcompression::text FROM pg_attribute"
                " WHERE attrelid = 'public.t'::regclass AND attname = 'a'"
            ),
        ),
        right=[("e", "p")],
        naive=[("x", "")],
        type="text",
    ),
    Following(
        name="extended statistics",
        setup=("CREATE STATISTICS public.together ON id, a FROM public.t",),
        probe=(
            (
                "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext"
                " WHERE stxname = 'together'"
            ),
        ),
        right=[("CREATE STATISTICS public.together ON id, a FROM t",)],
        naive=[("CREATE STATISTICS public.together ON id, a_old FROM t",)],
    ),
    Following(
        name="sequence that the column owns",
        setup=(
            "CREATE SEQUENCE public.numbers START 5000 OWNED BY public.t.a",
            "ALTER TABLE public.t ALTER a SET DEFAULT nextval('public.numbers')",
        ),
        probe=("SELECT pg_get_serial_sequence('public.t', 'a')",),
        right=[("public.numbers",)],
        naive=[(None,)],
    ),
)


@pytest.mark.wide
@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_follows_the_name(database: str, case: Following) -> None:
    with temporary_role(database) as (role, _):
        follows(database, case, role)
