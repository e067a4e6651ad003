"""A backfill along a key: every kind of key, its gaps and its order, forward to verified."""

import time
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import pytest

from pgtide import AddColumn, ReplaceColumn
from pgtide.backfill import key_cuts
from pgtide.events import Event, RangeVerified
from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.model.table import TableName
from pgtide.phases import ranges
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.keys import BY_INDEX, key_of, read_keys
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for, undo
from tests.scenarios.keyed import KEYED, MIXED, ROWS, Batches, create_keyed, keyed_migration
from tests.small_table import SMALL_ID, run, small_migration

# The columns of the key, and the values of the g-th row.
KINDS: Final = MappingProxyType(
    {
        "int": ("id int", "g"),
        "negative": ("id int", f"g - {ROWS // 2}"),
        "int with gaps": ("id int", "CASE WHEN g % 2 = 0 THEN g ELSE 2000000000 + g END"),
        "smallint": ("id smallint", "g"),
        "bigint": ("id bigint", "g * 1000000007::bigint * 1009"),
        "numeric": ("id numeric", "CASE g WHEN 7 THEN 'NaN' ELSE g / 7.0 END::numeric"),
        "numeric(12,3)": ("id numeric(12,3)", "g / 8.0"),
        "float": (
            "id float8",
            (
                "CASE g WHEN 1 THEN 'NaN' WHEN 2 THEN '-Infinity' WHEN 3 THEN 'Infinity'"
                " WHEN 4 THEN '-0' ELSE ln(g::float8) END::float8"
            ),
        ),
        "real": ("id real", "(g / 3.0)::real"),
        "uuid": ("id uuid", "md5(g::text)::uuid"),
        "text, C": ('id text COLLATE "C"', MIXED),
        "text, the database's": ("id text", MIXED),
        "varchar": ("id varchar(20)", MIXED),
        "char": ("id char(12)", MIXED),
        "odd text": ('id text COLLATE "C"', "'%s {x} \\ \"q\" , NULL ' || g"),
        "name": ("id name", f"({MIXED})::name"),
        "bytea": ("id bytea", "decode(md5(g::text), 'hex')"),
        "date": ("id date", "date '2000-01-01' + (g - 1500) * 37"),
        "timestamp": ("id timestamp", "timestamp '2020-01-01' + g * interval '1.000001 second'"),
        "timestamptz": ("id timestamptz", "timestamptz '2020-01-01' + g * interval '7 hours'"),
        "interval": ("id interval", "g * interval '1 minute'"),
        "inet": ("id inet", "('10.0.0.0'::inet + g * 7)"),
        "array": ("id int[]", "ARRAY[g % 5, g]"),
        "domain": ("id positive", "g"),
        "boolean and int": ("b boolean, id int", "g % 2 = 0, g"),
        "text and int": ('b text COLLATE "C", id int', "(ARRAY['x', 'Y', 'z'])[1 + g % 3], g"),
        "two collations": (
            'b text COLLATE "POSIX", id text COLLATE "C"',
            f"(ARRAY['ä', 'z', 'Å'])[1 + g % 3], {MIXED}",
        ),
        "enum and int": ("b mood, id int", "(ARRAY['sad', 'ok', 'happy'])[1 + g % 3]::mood, g"),
        "odd names": ('"%s" int, "Key ""q""" int, "t" int', "g % 3, g % 7, g"),
    }
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.wide
def test_every_kind_of_key_leads_to_every_row_once(database: str, kind: str) -> None:
    create_keyed(database, *KINDS[kind])
    batches = Batches()
    record = migrate(database, keyed_migration(), emit=batches)

    assert record.state is State.VERIFIED
    # The walk itself found every row, and none was left for the sweep.
    assert batches.filled == ROWS
    assert sum(one.rows for one in batches.sweep) == 0
    slices = "SELECT count(*), sum(end_block), sum(cursor) FROM pgtide.slice WHERE kind = 'walk'"
    assert run(database, slices) == [(3, ROWS, ROWS)]


def test_gaps_cost_nothing(database: str) -> None:
    """A gap of 10^15 among ten thousand keys takes no batch of its own."""
    create_keyed(
        database,
        "id bigint",
        "CASE WHEN g > 5000 THEN 1000000000000000 ELSE 0 END + g",
        rows=10_000,
    )
    batches = Batches()
    # However slow the machine, a batch never shrinks.
    unhurried = replace(settings_for(database), batch_target=timedelta(seconds=5))
    ended = migrate(database, keyed_migration(), emit=batches, settings=unhurried)
    assert ended.state is State.VERIFIED
    assert batches.filled == 10_000
    # Four slices of 2,500 keys; a batch takes 500 of them or more, but the last ones of a slice.
    assert len(batches.walk) <= 4 * 6
    assert all(one.rows for one in batches.walk if one.end != one.cursor)


def test_a_unique_index_leads_where_there_is_no_primary_key(database: str) -> None:
    """The narrowest that can serve; one that holds NULLs or a part of the rows cannot."""
    create_keyed(
        database,
        "wide uuid NOT NULL, id int NOT NULL, nullable int",
        "md5(g::text)::uuid, g, nullif(g, 3)",
        key="",
    )
    run(
        database,
        "CREATE UNIQUE INDEX a_wide ON public.t (wide)",
        "CREATE UNIQUE INDEX b_narrow ON public.t (id DESC)",
        "CREATE UNIQUE INDEX c_nullable ON public.t (nullable)",
        "CREATE UNIQUE INDEX d_partial ON public.t (id) WHERE id > 0",
    )
    batches = Batches()
    assert migrate(database, keyed_migration(), emit=batches).state is State.VERIFIED
    assert batches.filled == ROWS
    [[why]] = run(database, "SELECT detail ->> 'why' FROM pgtide.event WHERE kind = 'slices_cut'")
    assert why == (
        "one pass along b_narrow (id), its narrowest key that can serve, since the migration asks "
        'for it (walk="key")'
    )


def test_batches_and_boundaries_read_the_index_in_its_order(database: str) -> None:
    """With a stale idea of the table, or none, the planner must not read all of it for a batch."""
    create_keyed(database, 'b text COLLATE "C", id int', "chr(97 + g % 26), g", rows=20_000)
    run(database, "DELETE FROM pg_statistic WHERE starelid = 'public.t'::regclass")
    with connect(database, purpose="test") as session:
        [oid] = session.rows("SELECT 'public.t'::regclass::oid::bigint AS oid")
        key = key_of(read_keys(session, oid["oid"]), ["b", "id"])
        assert key is not None
        where, bounds = [key.above(), key.upto()], {"after": ["f", "900"], "upto": ["h", "5"]}
        table = TableName(schema="public", name="t")
        with session.transaction(settings=BY_INDEX):
            for query in (
                key.nth(table, where),
                f"UPDATE ONLY public.t AS t SET a = 1 WHERE {' AND '.join(where)} AND t.a = 0",
            ):
                plan = session.rows(f"EXPLAIN {query}", {**bounds, "limit": 500})
                text = "\n".join(str(row["QUERY PLAN"]) for row in plan)
                assert "t_pkey" in text, text
                assert "Index Cond: ((ROW(" in text, text
                assert "Seq Scan" not in text, text
                assert "Bitmap" not in text, text


def test_a_table_too_slow_to_count_off_is_cut_into_more_slices(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that takes too long is asked again for half as many keys (trap 42)."""
    create_keyed(database, "id int", "g", rows=400_000)
    with connect(database, purpose="test") as session:
        [oid] = session.rows("SELECT 'public.t'::regclass::oid::bigint AS oid")
        [leaf] = read_leaves(session, oid["oid"])
        [key] = read_keys(session, oid["oid"])
        begun = time.monotonic()
        assert len(key_cuts.key_cuts(session, leaf, key, size=10**6, check=lambda: None)) == 1
        # A fraction of what the whole takes on this machine, as busy as it is.
        patience = timedelta(seconds=(time.monotonic() - begun) / 12)
        monkeypatch.setattr(key_cuts, "_PATIENCE", patience)
        cuts = key_cuts.key_cuts(session, leaf, key, size=10**6, check=lambda: None)
    assert len(cuts) > 1
    assert sum(one.end_block or 0 for one in cuts) == 400_000
    ranges_of = [one.keys for one in cuts if one.keys]
    assert [one.after for one in ranges_of] == [None, *(one.upto for one in ranges_of[:-1])]
    assert ranges_of[-1].upto == ("400000",)


def test_an_undo_archives_along_the_key(database: str) -> None:
    create_keyed(database, "id int", "g")
    added = small_migration(AddColumn("b", type="int", backfill="id * 2"))
    migrate(database, replace(added, backfill=KEYED))
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    kept = (
        "SELECT count(*), count(DISTINCT key), sum((\"values\" ->> 'b')::int) FROM pgtide.archive"
    )
    assert run(database, kept) == [(ROWS, ROWS, ROWS * (ROWS + 1))]
    along = "SELECT DISTINCT key_columns FROM pgtide.slice WHERE kind = 'archive'"
    assert run(database, along) == [(["id"],)]


def test_a_table_that_is_stored_otherwise_is_walked_by_key_unasked(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward, compared along the key too, and back: no step asks for ranges of its pages."""
    monkeypatch.setattr(ranges, "_KEYS", ROWS // 3)
    run(database, "CREATE ACCESS METHOD elsewhere TYPE TABLE HANDLER heap_tableam_handler")
    create_keyed(database, 'id text COLLATE "C"', MIXED, method="elsewhere")
    added = small_migration(AddColumn("b", type="int", backfill="a * 2"))
    batches, compared = Batches(), list[int]()

    def hear(event: Event) -> None:
        batches(event)
        if isinstance(event, RangeVerified):
            compared.append(event.rows)

    assert migrate(database, added, emit=hear).state is State.VERIFIED
    assert batches.filled == ROWS
    assert compared == [ROWS // 3, 2 * ROWS // 3, ROWS, ROWS]
    [[why]] = run(database, "SELECT detail ->> 'why' FROM pgtide.event WHERE kind = 'slices_cut'")
    assert why == (
        "one pass along t_pkey (id), its primary key, since it is stored as elsewhere, which has "
        "no ranges of pages"
    )
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert run(database, "SELECT count(*) FROM pgtide.archive") == [(ROWS,)]


def test_a_row_out_of_step_is_found_along_the_key_too(database: str) -> None:
    run(database, "CREATE ACCESS METHOD elsewhere TYPE TABLE HANDLER heap_tableam_handler")
    create_keyed(database, "id int", "g", method="elsewhere")
    record = migrate(database, small_migration(ReplaceColumn("a", type="bigint")))
    new = record.plan.replacements[0].new
    run(
        database,
        "ALTER TABLE public.t DISABLE TRIGGER ALL",
        f"UPDATE public.t SET {new} = -1 WHERE id = {ROWS}",
    )
    record = record_of(database, SMALL_ID)
    error = refusal(lambda: verify_again(settings_for(database), Caller(actor=ACTOR), record))
    assert "1 of 3,000 rows are out of step" in error.what
