"""A partitioned table in each of its kinds, and a migration of it."""

from types import MappingProxyType
from typing import Final

from pgtide import AddColumn, Index, Migration, ReplaceColumn
from tests.small_table import run

PARTED_ID: Final = "20260101_000000_orders"
ROWS: Final = 3000
OUT_OF_STEP: Final = (
    "SELECT count(*) FROM public.orders WHERE state IS DISTINCT FROM state_v2"
    " OR (state IS NOT DISTINCT FROM 'paid') <> (paid_at IS NOT NULL)"
)

_TABLE: Final = (
    (
        "CREATE TABLE public.orders (id bigint NOT NULL, day int NOT NULL, state text"
        " DEFAULT 'new' CHECK (state <> ''), amount int NOT NULL, placed timestamp NOT NULL"
        " DEFAULT now(), PRIMARY KEY (id, day)) PARTITION BY {by}"
    ),
    "CREATE INDEX orders_state ON public.orders (state)",
    "CREATE INDEX orders_placed ON public.orders (placed)",
)
# Of ten days: one leaf for a part of them each; one attached from a table with columns of its own
# order, and a hole where one has been.
_ATTACHED: Final = (
    (
        "CREATE TABLE public.late (hole int, amount int NOT NULL, state text DEFAULT 'new'"
        " CONSTRAINT orders_state_check CHECK (state <> ''), day int NOT NULL,"
        " placed timestamp NOT NULL DEFAULT now(), id bigint NOT NULL)"
    ),
    "ALTER TABLE public.late DROP COLUMN hole",
)
KINDS: Final = MappingProxyType(
    {
        "range": (
            "RANGE (day)",
            "CREATE TABLE public.early PARTITION OF public.orders FOR VALUES FROM (0) TO (5)",
            *_ATTACHED,
            "ALTER TABLE public.orders ATTACH PARTITION public.late FOR VALUES FROM (5) TO (10)",
        ),
        "list": (
            "LIST (day)",
            "CREATE TABLE public.early PARTITION OF public.orders FOR VALUES IN (0, 2, 4, 6, 8)",
            *_ATTACHED,
            "ALTER TABLE public.orders ATTACH PARTITION public.late FOR VALUES IN (1, 3, 5, 7, 9)",
        ),
        "hash": (
            "HASH (day)",
            *(
                f"CREATE TABLE public.part{n} PARTITION OF public.orders FOR VALUES WITH"
                f" (MODULUS 3, REMAINDER {n})"
                for n in range(3)
            ),
        ),
        "nested": (
            "RANGE (day)",
            (
                "CREATE TABLE public.early PARTITION OF public.orders FOR VALUES FROM (0) TO (5)"
                " PARTITION BY LIST (id)"
            ),
            "CREATE TABLE public.early_one PARTITION OF public.early FOR VALUES IN (1, 2, 3)",
            "CREATE TABLE public.early_rest PARTITION OF public.early DEFAULT",
            *_ATTACHED,
            "ALTER TABLE public.orders ATTACH PARTITION public.late FOR VALUES FROM (5) TO (10)",
        ),
        "default": (
            "LIST (day)",
            "CREATE TABLE public.early PARTITION OF public.orders FOR VALUES IN (0)",
            "CREATE TABLE public.rest PARTITION OF public.orders DEFAULT",
        ),
    }
)


def create_orders(url: str, kind: str = "range", *, rows: int = ROWS) -> None:
    """Create and fill `public.orders`, partitioned in one of its ways."""
    by, *leaves = KINDS[kind]
    run(
        url,
        *(text.format(by=by) for text in _TABLE),
        *leaves,
        "INSERT INTO public.orders (id, day, state, amount, placed) SELECT g, g % 10,"
        " CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN 'new' ELSE 'paid' END, g,"
        " timestamp '2024-01-01' + g * interval '1 minute'"
        f" FROM generate_series(1, {rows}) g",
        "ANALYZE public.orders",
    )


def orders_migration() -> Migration:
    """Return a migration of `public.orders`: two replaced columns, a new one, and two indexes."""
    return Migration(
        id=PARTED_ID,
        version="1.0.0",
        description="Orders with bigger amounts",
        table="public.orders",
        changes=[
            ReplaceColumn("state", interim="state_v2", type="text"),
            ReplaceColumn("amount", type="bigint"),
            AddColumn(
                "paid_at",
                type="timestamp",
                backfill="CASE WHEN state = 'paid' THEN placed END",
                on_write="CASE WHEN state = 'paid' THEN now() END",
                verify="(state IS NOT DISTINCT FROM 'paid') = (paid_at IS NOT NULL)",
            ),
            Index("orders_paid", on="paid_at", where="paid_at IS NOT NULL"),
        ],
        contract_release="1.1.0",
    )
