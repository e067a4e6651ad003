"""Partitioned tables that must be refused: how to make them, and what must be said."""

from collections.abc import Callable
from dataclasses import replace

from pgtide import Migration, ReplaceColumn, Sql
from pgtide.changes.change import Change
from tests.integration.refusal_cases import Refusal
from tests.users import email_migration


def on_v(*changes: Change) -> Callable[[], Migration]:
    return lambda: replace(email_migration(), table="public.v", changes=list(changes))


_STATE = on_v(ReplaceColumn("state", interim="state_v2", type="text"))
_TABLE = (
    "CREATE TABLE public.v (id int, day date, state text DEFAULT 'new', UNIQUE (id, day))"
    " PARTITION BY RANGE (day)"
)
_LEAF = (
    "CREATE TABLE public.leaf PARTITION OF public.v FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)"
)


def of_leaf(name: str, *says: str, remedy: str, then: tuple[str, ...]) -> Refusal:
    """Return the refusal of a table with one partition, which these statements change."""
    return Refusal(
        name=name, says=says, remedy=remedy, migration=_STATE, setup=(_TABLE, _LEAF, *then)
    )


def own(name: str, says: str, *then: str) -> Refusal:
    """Return the refusal of a partition that has something of its own on a replaced column."""
    return of_leaf(
        name, "could not carry over", says, remedy="Drop that before the migration", then=then
    )


PARTITIONS = (
    Refusal(
        name="a column of the partition key",
        says=("day of public.v decides which partition a row is in",),
        remedy="Leave it out",
        migration=on_v(ReplaceColumn("day", type="timestamp")),
        setup=(_TABLE,),
    ),
    Refusal(
        name="a column in an expression of the partition key",
        says=("state of public.v decides which partition a row is in",),
        remedy="Leave it out",
        migration=_STATE,
        setup=("CREATE TABLE public.v (id int, state text) PARTITION BY LIST (lower(state))",),
    ),
    Refusal(
        name="a column of a partition's own key",
        says=("state of public.v decides which partition a row is in",),
        remedy="Leave it out",
        migration=_STATE,
        setup=(
            "CREATE TABLE public.v (id int, day date, state text) PARTITION BY RANGE (day)",
            f"{_LEAF} PARTITION BY LIST (state)",
        ),
    ),
    Refusal(
        name="a UNIQUE constraint on a replaced column",
        says=("cannot redo the UNIQUE constraint v_id_day_key of public.v",),
        remedy="Drop it before the migration and make it again afterwards",
        migration=on_v(ReplaceColumn("id", type="bigint")),
        setup=(_TABLE,),
    ),
    Refusal(
        name="a foreign key of a replaced column",
        says=("cannot redo the foreign key v_id_fkey of public.v",),
        remedy="Drop it before the migration and make it again afterwards",
        migration=on_v(ReplaceColumn("id", type="bigint")),
        setup=(
            "CREATE TABLE public.parent (id int PRIMARY KEY)",
            (
                "CREATE TABLE public.v (id int REFERENCES public.parent, day date)"
                " PARTITION BY RANGE (day)"
            ),
        ),
    ),
    Refusal(
        name="a foreign key of one partition's replaced column",
        says=("cannot redo the foreign key leaf_id_fkey of public.leaf",),
        remedy="Drop it before the migration and make it again afterwards",
        migration=on_v(ReplaceColumn("id", type="bigint")),
        setup=(
            "CREATE TABLE public.parent (id int PRIMARY KEY)",
            "CREATE TABLE public.v (id int, day date) PARTITION BY RANGE (day)",
            _LEAF,
            "ALTER TABLE public.leaf ADD FOREIGN KEY (id) REFERENCES public.parent",
        ),
    ),
    Refusal(
        name="a declared statement",
        says=("cannot be tried on a copy of a partitioned table",),
        remedy="Mend the migration file",
        migration=on_v(
            Sql(
                up="CREATE INDEX i ON public.v (state)",
                phase="finalize",
                down="DROP INDEX public.i",
            )
        ),
        setup=(_TABLE,),
    ),
    Refusal(
        name="a foreign partition",
        says=("The partition public.far of public.v is a foreign table",),
        remedy="DETACH PARTITION",
        migration=_STATE,
        setup=(
            "CREATE TABLE public.v (id int, state text) PARTITION BY LIST (id)",
            "CREATE FOREIGN DATA WRAPPER nowhere",
            "CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere",
            "CREATE FOREIGN TABLE public.far PARTITION OF public.v DEFAULT SERVER nowhere",
        ),
    ),
    of_leaf(
        "an unlogged partition",
        "The partition public.leaf of public.v is unlogged",
        remedy="SET LOGGED",
        then=("ALTER TABLE public.leaf SET UNLOGGED",),
    ),
    of_leaf(
        "a published partition without replica identity",
        "The partition public.leaf of public.v is published but has no replica identity",
        remedy="REPLICA IDENTITY",
        then=("CREATE PUBLICATION p FOR TABLE public.leaf",),
    ),
    own(
        "a partition's own default",
        "the DEFAULT of public.leaf.state, which is not that of the table",
        "ALTER TABLE public.leaf ALTER state SET DEFAULT 'other'",
    ),
    own(
        "a partition without its table's default",
        "ALTER TABLE public.leaf ALTER state SET DEFAULT 'new'::text gives it",
        "ALTER TABLE public.leaf ALTER state DROP DEFAULT",
    ),
    own(
        "a partition's own NOT NULL",
        "NOT NULL of public.leaf.state, which the table does not ask for",
        "ALTER TABLE public.leaf ALTER state SET NOT NULL",
    ),
    own(
        "a partition's own constraint",
        "constraint short on table public.leaf",
        "ALTER TABLE public.leaf ADD CONSTRAINT short CHECK (length(state) < 9)",
    ),
    own("a partition's own index", "index public.mine", "CREATE INDEX mine ON public.leaf (state)"),
    own(
        "a view of a partition",
        "the view public.seen",
        "CREATE VIEW public.seen AS SELECT state FROM public.leaf",
    ),
    own(
        "privileges on a partition's column",
        "the privileges on public.leaf (state)",
        "GRANT SELECT (state) ON public.leaf TO PUBLIC",
    ),
    own(
        "a comment on a partition's column",
        "the comment on public.leaf.state",
        "COMMENT ON COLUMN public.leaf.state IS 'here'",
    ),
    own(
        "storage of a partition's column",
        "what planner and storage were told of public.leaf.state",
        "ALTER TABLE public.leaf ALTER state SET STATISTICS 7",
    ),
)
