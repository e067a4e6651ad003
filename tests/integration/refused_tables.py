"""Tables, and rows in them, that must be refused: how to make them, and what must be said."""

from collections.abc import Callable
from dataclasses import replace

from pgtide import Migration, ReplaceColumn
from tests.integration.refusal_cases import Refusal
from tests.users import email_migration


def on_table(table: str) -> Callable[[], Migration]:
    return lambda: replace(
        email_migration(),
        table=table,
        changes=[ReplaceColumn("email_verified", interim="email_verified_v2", type="boolean")],
    )


_PARTITIONED = "CREATE TABLE public.v (email_verified boolean) PARTITION BY LIST (email_verified)"

TABLES = (
    Refusal(
        name="a table that is not there",
        says=("There is no table public.User",),
        remedy="There is public.user. Write the name as the catalog spells it",
        migration=on_table("public.User"),
        setup=('CREATE TABLE public."user" ()',),
    ),
    Refusal(
        name="a view",
        says=("public.v is a view",),
        remedy="the table behind it",
        migration=on_table("public.v"),
        setup=("CREATE VIEW public.v AS SELECT * FROM public.users",),
    ),
    Refusal(
        name="a materialized view",
        says=("is a materialized view",),
        remedy="the table behind it",
        migration=on_table("public.v"),
        setup=("CREATE MATERIALIZED VIEW public.v AS SELECT * FROM public.users",),
    ),
    Refusal(
        name="a foreign table",
        says=("is a foreign table",),
        remedy="the table behind it",
        migration=on_table("public.v"),
        setup=(
            "CREATE FOREIGN DATA WRAPPER nowhere",
            "CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere",
            "CREATE FOREIGN TABLE public.v (email_verified boolean) SERVER nowhere",
        ),
    ),
    Refusal(
        name="an unlogged table",
        says=("is unlogged",),
        remedy="SET LOGGED",
        setup=("ALTER TABLE public.users SET UNLOGGED",),
    ),
    Refusal(
        name="a partition",
        says=("public.leaf is a partition of public.v",),
        remedy="Name public.v: all of its partitions are changed together",
        migration=on_table("public.leaf"),
        setup=(
            _PARTITIONED,
            "CREATE TABLE public.leaf PARTITION OF public.v FOR VALUES IN (true)",
        ),
    ),
    Refusal(
        name="a table with heirs",
        says=("is part of an inheritance",),
        remedy="ordinary table",
        setup=("CREATE TABLE public.heir () INHERITS (public.users)",),
    ),
    Refusal(
        name="a published table without replica identity",
        says=("published but has no replica identity",),
        remedy="REPLICA IDENTITY",
        setup=(
            "ALTER TABLE public.users DROP CONSTRAINT users_pkey",
            "CREATE PUBLICATION p FOR TABLE public.users",
        ),
    ),
    Refusal(
        name="a published table whose identity is nothing",
        says=("published but has no replica identity",),
        remedy="REPLICA IDENTITY",
        setup=(
            "ALTER TABLE public.users REPLICA IDENTITY NOTHING",
            "CREATE PUBLICATION p FOR ALL TABLES",
        ),
    ),
    Refusal(
        name="a trigger that fires later",
        says=("~~audit would fire after pgtide's own",),
        remedy="sorts before `~`",
        setup=(
            (
                "CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN new; END'"
            ),
            (
                'CREATE TRIGGER "~~audit" BEFORE UPDATE ON public.users'
                " FOR EACH ROW EXECUTE FUNCTION public.f()"
            ),
        ),
    ),
    Refusal(
        name="rows that could never be verified",
        says=("verify is not true of the row's own backfill", "2 rows could never pass"),
        remedy="Mend the expressions, or the rows",
        setup=(
            "ALTER TABLE public.users ALTER created_at DROP NOT NULL",
            # Two of these three are verified: they would need a date that nobody knows.
            "UPDATE public.users SET created_at = NULL WHERE id IN (3, 9, 18)",
        ),
    ),
)
