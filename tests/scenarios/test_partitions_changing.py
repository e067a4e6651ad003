"""Partitions come, go, are rewritten and touched while a migration of their table is under way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pgtide.errors import Mismatched, Refused
from pgtide.events import BatchCommitted, Event, SlicesCut, StepEnded
from pgtide.ledger.slices import Kind
from pgtide.model.state import Phase, State
from pgtide.settings import Settings
from tests.driving import migrate, record_of, settings_for, undo
from tests.later import contract, purge
from tests.parted import OUT_OF_STEP, PARTED_ID, create_orders, orders_migration
from tests.schema import dumped
from tests.small_table import run

ATTACHED = (
    "CREATE TABLE public.extra (LIKE public.orders INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
    (
        "INSERT INTO public.extra (id, day, state, amount) SELECT g, 10, 'paid', g"
        " FROM generate_series(100001, 100500) g"
    ),
    "ALTER TABLE public.orders ATTACH PARTITION public.extra FOR VALUES FROM (10) TO (20)",
)
SLICE = "SELECT leaf::regclass::text, state FROM pgtide.slice"
LATE = "FROM public.late WHERE state IS NOT NULL AND state_v2 IS NOT NULL"


def small_batches(url: str) -> Settings:
    """Return settings under which a small table takes many batches."""
    return replace(settings_for(url), batch_target=timedelta(milliseconds=1), workers=1)


def at(kind: Kind, nth: int, act: Callable[[], object]) -> Callable[[Event], None]:
    """Return a listener that acts once, after the n-th batch of a kind."""
    seen = 0

    def listen(event: Event) -> None:
        nonlocal seen
        if isinstance(event, BatchCommitted) and event.kind is kind:
            seen += 1
            if seen == nth:
                act()

    return listen


@pytest.mark.parametrize(("kind", "nth"), [(Kind.WALK, 2), (Kind.SWEEP, 1)])
def test_one_attached_in_mid_backfill_is_filled(database: str, kind: Kind, nth: int) -> None:
    create_orders(database, rows=10_000)
    attach = at(kind, nth, lambda: run(database, *ATTACHED))

    done = migrate(database, orders_migration(), emit=attach, settings=small_batches(database))
    assert done.state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    assert run(database, "SELECT count(*) FROM public.extra WHERE paid_at IS NOT NULL") == [(500,)]


@pytest.mark.parametrize(
    "going",
    [
        ("ALTER TABLE public.orders DETACH PARTITION public.late",),
        ("ALTER TABLE public.orders DETACH PARTITION public.late CONCURRENTLY",),
        ("DROP TABLE public.late",),
    ],
    ids=["detached", "detached concurrently", "dropped"],
)
@pytest.mark.parametrize("kind", [Kind.WALK, Kind.SWEEP])
@pytest.mark.wide
def test_one_that_goes_in_mid_backfill_takes_its_rows_along(
    database: str, kind: Kind, going: tuple[str, ...]
) -> None:
    create_orders(database, rows=10_000)
    filled: list[tuple[object, ...]] = []
    gone: list[int] = []

    def go(event: Event) -> None:
        # In the middle of a slice of it, where no name is looked up.
        if gone or not isinstance(event, BatchCommitted) or event.kind is not kind:
            return
        if run(database, f"{SLICE} WHERE id = {event.slice_id}") == [("late", "open")]:
            gone.append(event.slice_id)
            run(database, *going)
            if "DETACH" in going[0]:
                filled.extend(run(database, f"SELECT count(*) {LATE}"))

    done = migrate(database, orders_migration(), emit=go, settings=small_batches(database))
    assert len(gone) == 1
    assert done.state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    if filled:
        # Nothing was written to it any more.
        assert run(database, f"SELECT count(*) {LATE}") == filled
    assert undo(database, PARTED_ID).state is State.ROLLED_BACK


def test_one_that_is_rewritten_starts_over_by_itself(database: str) -> None:
    create_orders(database, rows=10_000)
    rewrite = at(Kind.WALK, 1, lambda: run(database, "VACUUM FULL public.late"))

    done = migrate(database, orders_migration(), emit=rewrite, settings=small_batches(database))
    assert done.state is State.VERIFIED
    voided = "SELECT DISTINCT leaf::regclass::text FROM pgtide.slice WHERE state = 'void'"
    assert run(database, voided) == [("late",)]


def test_one_renamed_in_mid_backfill_is_filled_under_its_new_name(database: str) -> None:
    create_orders(database, rows=10_000)
    rename = at(Kind.WALK, 1, lambda: run(database, "ALTER TABLE public.late RENAME TO later"))

    done = migrate(database, orders_migration(), emit=rename, settings=small_batches(database))
    assert done.state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]


def test_every_leaf_has_slices_of_its_own(database: str) -> None:
    create_orders(database, rows=10_000)
    told: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, SlicesCut):
            told.append(event.why)

    migrate(database, orders_migration(), emit=listen)
    leaves = "SELECT DISTINCT leaf::regclass::text FROM pgtide.slice WHERE kind = '{}' ORDER BY 1"
    for kind in ("walk", "sweep"):
        assert run(database, leaves.format(kind)) == [("early",), ("late",)]
    assert told[0].startswith("2 partitions, the largest: ")


def past_the_trigger(url: str, leaf: str) -> None:
    """Write to one leaf while its trigger is disabled there, and only there."""
    run(
        url,
        f"ALTER TABLE public.{leaf} DISABLE TRIGGER USER",
        f"UPDATE public.{leaf} SET state = 'lost' WHERE id = (SELECT min(id) FROM public.{leaf})",
        f"DO $$ DECLARE name text; BEGIN FOR name IN SELECT tgname FROM pg_trigger"
        f" WHERE tgrelid = 'public.{leaf}'::regclass LOOP EXECUTE format("
        f"'ALTER TABLE public.{leaf} ENABLE ALWAYS TRIGGER %I', name); END LOOP; END $$",
    )


def test_a_trigger_that_was_disabled_on_one_leaf_is_found_and_mended(database: str) -> None:
    create_orders(database)
    until_finalized = [False]

    def listen(event: Event) -> None:
        finalized = isinstance(event, StepEnded) and event.step.startswith("finalize.")
        if finalized and not until_finalized[0]:
            until_finalized[0] = True
            past_the_trigger(database, "late")

    with pytest.raises(Mismatched) as caught:
        migrate(database, orders_migration(), emit=listen)
    assert "1 of 3,000 rows are out of step" in caught.value.what
    assert "were changed since" in caught.value.what
    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]


def test_one_that_stays_disabled_on_one_leaf_is_named_and_enabled_again(database: str) -> None:
    create_orders(database)
    migrate(database, orders_migration(), until=Phase.FINALIZE)
    run(database, "ALTER TABLE public.late DISABLE TRIGGER USER")

    with pytest.raises(Mismatched) as caught:
        migrate(database, orders_migration())
    assert "not enabled always on the partition public.late" in caught.value.what
    assert migrate(database, orders_migration()).state is State.VERIFIED
    enabled = "SELECT DISTINCT tgenabled::text FROM pg_trigger WHERE tgname LIKE '~zz_pgtide%'"
    assert run(database, enabled) == [("A",)]


def test_contract_refuses_where_one_leaf_was_written_past_its_trigger(database: str) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    past_the_trigger(database, "early")

    with pytest.raises(Refused, match="were changed since it was verified"):
        contract(database, PARTED_ID)
    assert record_of(database, PARTED_ID).state is State.BACKFILLED
    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert contract(database, PARTED_ID).state is State.CONTRACTED


def test_contract_refuses_where_a_leaf_was_away_and_came_back(database: str) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    run(
        database,
        "ALTER TABLE public.orders DETACH PARTITION public.late",
        "UPDATE public.late SET state = 'lost'",
        "ALTER TABLE public.orders ATTACH PARTITION public.late FOR VALUES FROM (5) TO (10)",
    )

    with pytest.raises(Refused, match="were changed since it was verified"):
        contract(database, PARTED_ID)
    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]


def test_a_leaf_that_comes_after_verification_is_compared_and_taken_in(database: str) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    run(
        database,
        "CREATE TABLE public.day10 PARTITION OF public.orders FOR VALUES FROM (10) TO (11)",
        "INSERT INTO public.orders (id, day, state, amount) VALUES (900000, 10, 'paid', 7)",
        "DROP TABLE public.early",
    )

    assert contract(database, PARTED_ID).state is State.CONTRACTED
    run(
        database,
        "CREATE TABLE public.day11 PARTITION OF public.orders FOR VALUES FROM (11) TO (12)",
        "INSERT INTO public.orders (id, day, state, amount) VALUES (900001, 11, 'new', 8)",
    )
    assert purge(database, PARTED_ID).state is State.COMPLETED
    assert "pgtide" not in dumped(database, "public.*")


def test_one_with_rows_out_of_step_that_comes_after_verification_is_none(database: str) -> None:
    create_orders(database)
    plan = migrate(database, orders_migration()).plan
    # NOT NULL by now, as the column is that it replaces: what is loaded apart has to give it.
    amount = next(one.new for one in plan.replacements if one.old == "amount")
    create, load, attach = ATTACHED
    load = load.replace("amount)", f'amount, "{amount}")').replace("'paid', g", "'paid', g, g")
    run(database, create, load, attach)

    with pytest.raises(Refused, match="partitions came since it was verified"):
        contract(database, PARTED_ID)
    assert migrate(database, orders_migration()).state is State.VERIFIED
    assert run(database, OUT_OF_STEP) == [(0,)]
    assert contract(database, PARTED_ID).state is State.CONTRACTED


def test_partitions_that_come_and_go_between_contract_and_undo_are_in_nobodys_way(
    database: str,
) -> None:
    create_orders(database)
    migrate(database, orders_migration())
    contract(database, PARTED_ID)
    run(
        database,
        "DROP TABLE public.late",
        "CREATE TABLE public.day10 PARTITION OF public.orders FOR VALUES FROM (10) TO (11)",
        "INSERT INTO public.orders (id, day, state, amount) VALUES (900000, 10, 'paid', 7)",
    )

    assert undo(database, PARTED_ID).state is State.ROLLED_BACK
    held = "SELECT state, amount FROM public.orders WHERE id = 900000"
    assert run(database, held) == [("paid", 7)]
    assert "pgtide" not in dumped(database, "public.*")


def test_values_that_the_old_shape_lacks_are_kept_leaf_by_leaf(database: str) -> None:
    create_orders(database, "nested")
    migrate(database, orders_migration())
    [[filled]] = run(database, "SELECT count(*) FROM public.orders WHERE paid_at IS NOT NULL")

    undo(database, PARTED_ID)
    assert run(database, "SELECT count(*) FROM pgtide.archive") == [(filled,)]
