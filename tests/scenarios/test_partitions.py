"""A partitioned table goes the whole way, leaf by leaf, and every way back."""

import pytest

from pgtide.model.state import State
from tests.driving import migrate, undo
from tests.later import contract, purge, to_verified
from tests.parted import KINDS, OUT_OF_STEP, PARTED_ID, create_orders, orders_migration
from tests.psql import undo_from_psql
from tests.schema import dumped
from tests.small_table import run


@pytest.mark.parametrize("kind", KINDS)
def test_to_verified_and_back(database: str, kind: str) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")

    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    assert undo(database, PARTED_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.*") == before


@pytest.mark.parametrize("kind", KINDS)
def test_through_contract_and_back(database: str, kind: str) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")
    migrate(database, orders_migration())
    verified = dumped(database, "public.*")

    assert contract(database, PARTED_ID).state is State.CONTRACTED
    assert to_verified(database, PARTED_ID).state is State.VERIFIED
    assert dumped(database, "public.*") == verified
    assert contract(database, PARTED_ID).state is State.CONTRACTED
    assert undo(database, PARTED_ID).state is State.ROLLED_BACK
    assert dumped(database, "public.*") == before


@pytest.mark.parametrize("kind", KINDS)
def test_to_its_end(database: str, kind: str) -> None:
    create_orders(database, kind)
    rows = "SELECT id, day, state, amount, paid_at FROM public.orders ORDER BY id"
    migrate(database, orders_migration())
    held = run(database, rows)

    contract(database, PARTED_ID)
    assert purge(database, PARTED_ID).state is State.COMPLETED
    assert run(database, rows) == held
    left = dumped(database, "public.*")
    assert "pgtide" not in left
    assert "_v2" not in left


@pytest.mark.parametrize("kind", ["range", "nested"])
@pytest.mark.parametrize("contracted", [False, True])
def test_undone_from_psql(database: str, kind: str, contracted: bool) -> None:
    create_orders(database, kind)
    before = dumped(database, "public.*")
    migrate(database, orders_migration())
    if contracted:
        contract(database, PARTED_ID)

    answer = undo_from_psql(database, "1.0.0")
    assert answer.undone, answer
    assert dumped(database, "public.*") == before
