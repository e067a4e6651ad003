"""What cannot lead a walk is refused before anything has changed, with reason and remedy."""

from dataclasses import replace
from types import MappingProxyType
from typing import Final

import pytest

from pgtide import Backfill
from pgtide.errors import InvalidMigration, Refused
from pgtide.model.state import State
from tests.driving import migrate, plan_of, refusal
from tests.parted import create_orders, orders_migration
from tests.scenarios.keyed import KEYED, create_keyed, keyed_migration
from tests.small_table import run

_ODD_TYPE: Final = (
    "CREATE OPERATOR CLASS public.odd_ops FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 2 <=,"
    " OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int)"
)
# What is made on columns id, b and nullable, and what is said of it.
UNUSABLE: Final = MappingProxyType(
    {
        "none": ([], "it has no unique index"),
        "not unique": (["CREATE INDEX k ON public.t (id)"], "it has no unique index"),
        "nullable": (["CREATE UNIQUE INDEX k ON public.t (id, nullable)"], "nullable may be NULL"),
        "partial": (
            ["CREATE UNIQUE INDEX k ON public.t (id) WHERE id > 0"],
            "k: it holds a part of the rows only",
        ),
        "expression": (["CREATE UNIQUE INDEX k ON public.t ((id + 1))"], "it is on an expression"),
        "deferrable": (
            ["ALTER TABLE public.t ADD CONSTRAINT k PRIMARY KEY (id) DEFERRABLE"],
            "k: it is DEFERRABLE",
        ),
        "invalid": (
            [
                "CREATE UNIQUE INDEX k ON public.t (id)",
                "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.k'::regclass",
            ],
            "k: it is not valid",
        ),
        "both ways": (
            ["CREATE UNIQUE INDEX k ON public.t (id, b DESC)"],
            "its columns are sorted in different directions",
        ),
        "NULLS FIRST": (
            ["CREATE UNIQUE INDEX k ON public.t (id NULLS FIRST)"],
            "it is sorted in an order that no statement asks for",
        ),
        "other operators": (
            [_ODD_TYPE, "CREATE UNIQUE INDEX k ON public.t (id public.odd_ops)"],
            "k: id is not sorted by the operators that PostgreSQL itself has",
        ),
        "patterns": (
            ["CREATE UNIQUE INDEX k ON public.t (b text_pattern_ops, id)"],
            "k: b is not sorted by the operators",
        ),
    }
)


@pytest.mark.untouched
@pytest.mark.parametrize("case", UNUSABLE)
def test_a_key_that_cannot_lead_is_refused_with_its_reason(database: str, case: str) -> None:
    made, said = UNUSABLE[case]
    columns = "id int NOT NULL, b text NOT NULL, nullable int"
    create_keyed(database, columns, "g, 'b', g", rows=50, key="")
    run(database, *made)
    error = refusal(lambda: migrate(database, keyed_migration()))

    assert isinstance(error, Refused)
    assert said in error.what, error.what
    assert error.what.startswith("public.t has no key along which it could be walked, and the ")
    assert error.state == "Nothing was changed."
    assert "primary key" in error.remedy
    assert run(database, "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == [(0,)]


def test_a_key_that_can_lead_beside_one_that_cannot_does(database: str) -> None:
    create_keyed(database, "id int NOT NULL, b text NOT NULL", "g, 'b'", key="")
    run(
        database,
        "ALTER TABLE public.t ADD CONSTRAINT k PRIMARY KEY (id) DEFERRABLE",
        "CREATE UNIQUE INDEX other ON public.t (b, id)",
    )
    assert migrate(database, keyed_migration()).state is State.VERIFIED
    assert run(database, "SELECT DISTINCT key_columns FROM pgtide.slice") == [(["b", "id"],)]


def test_a_column_whose_rows_were_never_looked_at_may_be_null(database: str) -> None:
    """From PostgreSQL 18 on NOT NULL may be NOT VALID: a walk would go past the NULLs."""
    create_keyed(database, "id int", "g", key="")
    run(database, "CREATE UNIQUE INDEX k ON public.t (id)")
    if int(str(run(database, "SHOW server_version_num")[0][0])) < 180_000:
        return
    run(database, "ALTER TABLE public.t ADD CONSTRAINT n NOT NULL id NOT VALID")
    assert "k: id may be NULL" in refusal(lambda: plan_of(database, keyed_migration())).what


def test_a_table_stored_otherwise_without_a_key_is_refused(database: str) -> None:
    run(database, "CREATE ACCESS METHOD elsewhere TYPE TABLE HANDLER heap_tableam_handler")
    create_keyed(database, "id int", "g", key="", method="elsewhere")
    error = refusal(lambda: plan_of(database, keyed_migration(Backfill())))
    assert "it is stored as elsewhere, which has no ranges of pages" in error.what
    assert "leave `walk` out" not in error.remedy


def test_the_partition_without_a_key_is_named(database: str) -> None:
    create_orders(database)
    run(
        database,
        "ALTER TABLE public.orders DROP CONSTRAINT orders_pkey",
        "ALTER TABLE public.early ADD PRIMARY KEY (id)",
    )
    error = refusal(lambda: plan_of(database, replace(orders_migration(), backfill=KEYED)))
    assert error.what.startswith("public.late has no key along which it could be walked")


def test_a_walk_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidMigration, match="walk is 'sideways'; it is one of auto, pages, key"):
        keyed_migration(Backfill(walk="sideways"))  # type: ignore[arg-type]  # on purpose
