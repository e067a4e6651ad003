"""Objects that others dropped or changed while a migration is contracted, and its undo."""

import time
from collections.abc import Callable
from functools import partial
from threading import Thread, Timer

import psycopg
import pytest

from pgtide.errors import Refused, StatementFailed
from pgtide.model.state import State
from tests.contracting import dump
from tests.driving import migrate, record_of, refusal, undo
from tests.later import contract, once, to_verified
from tests.psql import undo_from_psql
from tests.scenarios.hung_table import (
    LOG,
    MIGRATION,
    PHASES,
    POLICY,
    STATE,
    TABLE,
    TOLD,
    VIEW,
    by_psql,
    contracted,
    refused,
)
from tests.small_table import SMALL_ID, run

# What somebody does, what an undo says of it, and how it is mended.
TOUCHED = (
    (
        "DROP INDEX public.t_a",
        "index public.t_a is gone; it was: CREATE INDEX CONCURRENTLY t_a ON public.t USING btree",
        "CREATE INDEX t_a ON public.t USING btree (a)",
    ),
    (
        "DROP INDEX public.t_a; CREATE INDEX t_a ON public.t (a) WHERE a > 0",
        "index public.t_a was changed",
        "DROP INDEX public.t_a; CREATE INDEX t_a ON public.t USING btree (a)",
    ),
    (
        "ALTER TABLE public.t DROP CONSTRAINT small",
        "constraint small on public.t is gone; it was: ALTER TABLE public.t ADD CONSTRAINT small",
        "ALTER TABLE public.t ADD CONSTRAINT small CHECK (a < 999)",
    ),
    (
        "DROP STATISTICS public.t_ab",
        "statistics public.t_ab is gone; it was: CREATE STATISTICS public.t_ab ON b, a",
        "CREATE STATISTICS public.t_ab ON a, b FROM public.t",
    ),
    (
        "DROP POLICY few ON public.t",
        "policy few on public.t is gone; it was: CREATE POLICY few ON public.t AS PERMISSIVE",
        POLICY,
    ),
    (
        "ALTER POLICY few ON public.t USING (a < 3)",
        "policy few on public.t was changed",
        f"DROP POLICY few ON public.t; {POLICY}",
    ),
    ("DROP VIEW public.v", "view public.v is gone; it was: CREATE VIEW public.v", VIEW),
    (
        "CREATE OR REPLACE VIEW public.v AS SELECT id, -a AS a FROM public.t",
        "view public.v was changed",
        VIEW.replace("CREATE", "CREATE OR REPLACE"),
    ),
    ("DROP TRIGGER told ON public.t", "trigger told on public.t is gone", TOLD),
    (
        "ALTER TABLE public.t DISABLE TRIGGER told",
        "trigger told on public.t was changed",
        "ALTER TABLE public.t ENABLE TRIGGER told",
    ),
    (
        "ALTER TABLE public.t ALTER a SET DEFAULT 6",
        "default of a was changed; it was: 5",
        "ALTER TABLE public.t ALTER a SET DEFAULT 5",
    ),
    (
        "ALTER TABLE public.t ALTER a_v2 SET DEFAULT 6",
        "default of a_v2 was changed; it was: none",
        "ALTER TABLE public.t ALTER a_v2 DROP DEFAULT",
    ),
    (
        "REVOKE SELECT (a) ON public.t FROM PUBLIC",
        "access to column a was changed; it was: SELECT TO PUBLIC",
        "GRANT SELECT (a) ON public.t TO PUBLIC",
    ),
    (
        "DROP SEQUENCE public.s",
        "sequence public.s is gone; it was: owned by a",
        "CREATE SEQUENCE public.s OWNED BY public.t.a",
    ),
    (
        "ALTER PUBLICATION chosen SET TABLE public.t (id)",
        "entry public.t in publication chosen is gone",
        "ALTER PUBLICATION chosen SET TABLE public.t (id, a)",
    ),
)
# What is none of the migration's business.
UNRELATED = (
    "CREATE INDEX t_b ON public.t (b)",
    "ALTER TABLE public.t ADD COLUMN c int DEFAULT 7",
    "CREATE VIEW public.other AS SELECT id, b FROM public.t",
    "CREATE POLICY other ON public.t USING (b < 9)",
    "ALTER TABLE public.t ADD CONSTRAINT other CHECK (b < 999)",
)


@pytest.fixture
def before(database: str) -> str:
    """Return the schema of a table that everything hangs on."""
    run(database, *TABLE)
    return dump(database)


@pytest.fixture
def verified(database: str, before: str) -> str:
    """Return the schema as it is where the migration is contracted next."""
    assert before
    return contracted(database)


@pytest.mark.parametrize(
    ("back", "tell"),
    [
        (undo, partial(refused, back=undo)),
        (to_verified, partial(refused, back=to_verified)),
        (undo_from_psql, by_psql),
    ],
)
def test_what_was_dropped_or_changed_since_is_named_and_undone_once_it_is_mended(
    database: str,
    before: str,
    verified: str,
    *,
    back: Callable[..., object],
    tell: Callable[[str], str],
) -> None:
    for act, says, mend in TOUCHED:
        run(database, act)
        there = dump(database)
        assert says in tell(database), act
        assert record_of(database, SMALL_ID).state is State.CONTRACTED
        assert dump(database) == there
        run(database, mend)
    back(database, "1.0.0" if back is undo_from_psql else SMALL_ID)
    assert dump(database) == (verified if back is to_verified else before)


@pytest.mark.parametrize("back", [undo, to_verified, undo_from_psql])
def test_what_hangs_elsewhere_and_how_a_session_writes_stop_no_undo(
    database: str, verified: str, back: Callable[..., object]
) -> None:
    assert verified
    [(name,)] = run(database, "SELECT current_database()")
    run(
        database,
        *UNRELATED,
        f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'",
        f"ALTER DATABASE {name} SET DateStyle = 'German'",
        f"ALTER DATABASE {name} SET quote_all_identifiers = on",
        f"ALTER DATABASE {name} SET search_path = public",
    )
    back(database, "1.0.0" if back is undo_from_psql else SMALL_ID)
    state = State.VERIFIED if back is to_verified else State.ROLLED_BACK
    assert record_of(database, SMALL_ID).state is state
    [(column,)] = run(database, "SELECT count(*) FROM pg_indexes WHERE indexname = 't_b'")
    assert column == 1


def test_what_was_dropped_while_undo_waited_for_its_lock_leaves_it_contracted(
    database: str, before: str, verified: str
) -> None:
    assert verified
    late = once("undo.contract.shape", lambda: run(database, "DROP POLICY few ON public.t"))
    error = refusal(lambda: undo(database, SMALL_ID, emit=late))
    assert isinstance(error, Refused)
    [(state, last)] = run(database, STATE)
    assert (state, "policy few on public.t is gone" in str(last)) == ("contracted", True)
    assert run(database, PHASES) == [("contract", "done"), ("rollback", "failed")]
    assert run(database, LOG) == [("SUCCESS", True)]
    # What is not recorded is not compared; the server stops at it.
    run(database, "UPDATE pgtide.step SET hanging = NULL")
    assert isinstance(refusal(lambda: undo(database, SMALL_ID)), StatementFailed)
    run(database, POLICY)
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
    assert dump(database) == before


def test_what_was_changed_while_psql_waited_for_its_lock_leaves_it_contracted(
    database: str, before: str, verified: str
) -> None:
    assert verified
    answers: list[str] = []
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.t'::regclass"
    with psycopg.connect(database) as reader:
        reader.execute("SELECT FROM public.t")
        undoing = Thread(target=lambda: answers.append(by_psql(database)))
        undoing.start()
        while run(database, waiting) == [(0,)]:
            time.sleep(0.01)
        reader.execute(f"CREATE OR REPLACE {VIEW.removeprefix('CREATE ')} WHERE a > 3".encode())
        reader.commit()
        undoing.join()
    [said] = answers
    assert ("in the way of public.t" in said, "view public.v was changed" in said) == (
        True,
        True,
    )
    assert record_of(database, SMALL_ID).state is State.CONTRACTED
    run(database, f"CREATE OR REPLACE {VIEW.removeprefix('CREATE ')}")
    assert undo_from_psql(database, "1.0.0").undone
    assert dump(database) == before


def test_a_view_dropped_while_undo_waited_for_its_lock_is_named_at_the_next_try(
    database: str, before: str, verified: str
) -> None:
    assert verified
    late = once("undo.contract.shape", lambda: run(database, "DROP VIEW public.v"))
    failed = refusal(lambda: undo(database, SMALL_ID, emit=late))
    assert isinstance(failed, StatementFailed)
    assert failed.remedy == "Mend the cause, then run `pgtide down 1.0.0` again."
    assert "view public.v is gone" in refused(database, undo)
    assert record_of(database, SMALL_ID).state is State.CONTRACTED
    run(database, VIEW)
    undo(database, SMALL_ID)
    assert dump(database) == before


def test_who_keeps_psql_from_reading_a_view_is_waited_for(database: str, before: str) -> None:
    run(
        database,
        "CREATE TABLE public.far (id int)",
        "CREATE VIEW public.joined AS SELECT t.a FROM public.t JOIN public.far USING (id)",
    )
    migrate(database, MIGRATION)
    contract(database, SMALL_ID, release="1.1.0")
    with psycopg.connect(database) as holder:
        holder.execute("LOCK TABLE public.far IN ACCESS EXCLUSIVE MODE")
        going = Timer(1.0, holder.rollback)
        going.start()
        answer = undo_from_psql(database, "1.0.0")
        going.join()
    assert answer.undone, answer.said
    run(database, "DROP VIEW public.joined", "DROP TABLE public.far")
    assert dump(database) == before


@pytest.mark.parametrize("back", [undo, to_verified])
def test_a_renamed_table_is_named_rather_than_all_that_its_name_is_part_of(
    database: str, verified: str, back: Callable[[str, str], object]
) -> None:
    assert verified
    run(database, "ALTER TABLE public.t RENAME TO elsewhere")
    said = refused(database, back)
    assert "public.t is called public.elsewhere now" in said
    run(database, "ALTER TABLE public.elsewhere RENAME TO t")
    assert undo(database, SMALL_ID).state is State.ROLLED_BACK
