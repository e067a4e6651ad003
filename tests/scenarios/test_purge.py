"""Purge: only the new shape is left, the audit stays, and there is no way back."""

from dataclasses import replace
from functools import partial

import psycopg

from pgtide import AddColumn, ReplaceColumn, Sql
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import AwaitingApproval, LockNotAcquired, Refused, Waiting
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.state import State
from pgtide.operate.approve import Wish, decide_gate
from pgtide.phases.begun import begun
from pgtide.phases.purge import Purging
from pgtide.phases.purge import purge as carry_out
from pgtide.postgres.session import connect
from tests.driving import ACTOR, migrate, record_of, refusal, undo
from tests.later import HURRY, approve, contract, later_settings, once, purge, to_verified
from tests.small_table import SMALL_ID, create_small, run, small_migration
from tests.table_state import schema_dump
from tests.users import MIGRATION_ID, create_users, email_migration

LOG = "SELECT status, rollback_available FROM pgtide.migration_log"
LEFT = r"""
SELECT relname::text FROM pg_class
 WHERE relnamespace = 'pgtide'::regnamespace AND relname LIKE 'm\_%'
UNION ALL SELECT proname FROM pg_proc
 WHERE pronamespace = 'pgtide'::regnamespace AND proname LIKE 'm\_%'
UNION ALL SELECT tgname FROM pg_trigger
 WHERE tgrelid = 'public.users'::regclass AND NOT tgisinternal
"""


def test_after_purge_only_the_new_shape_is_left_and_every_value_of_it(contracted: str) -> None:
    rows = (
        "SELECT id, email_verified, verification_token, verified_at FROM public.users ORDER BY id"
    )
    before = run(contracted, rows)
    assert purge(contracted, MIGRATION_ID).state is State.COMPLETED
    assert run(contracted, rows) == before
    dump = schema_dump(contracted)
    assert "_v2" not in dump
    assert "pgtide" not in dump
    assert "CREATE INDEX idx_users_email_verified ON public.users" in dump
    assert run(contracted, LEFT) == []
    assert run(contracted, LOG) == [("SUCCESS", False)]
    kinds = [kind for (kind,) in run(contracted, "SELECT kind FROM pgtide.event ORDER BY id")]
    assert kinds[0] == "run_began"
    assert {"contracted", "phase_ended", "not_awaited"} <= set(kinds)


def test_the_table_may_be_migrated_again_after_purge(contracted: str) -> None:
    purge(contracted, MIGRATION_ID)
    later = email_migration("20260301_120000_again", version="2.1.5")
    error = refusal(lambda: migrate(contracted, later))
    # Refused for a reason of its own: it would add a column that is there.
    assert "already has a column verified_at" in error.what


def test_purge_waits_for_the_end_of_retention_unless_there_is_a_reason(contracted: str) -> None:
    error = refusal(lambda: purge(contracted, MIGRATION_ID, hurry=None))
    assert isinstance(error, Waiting)
    [(ends,)] = run(
        contracted,
        "SELECT to_char(ended_at + interval '7 days', 'YYYY-MM-DD HH24:MI') FROM pgtide.phase"
        " WHERE phase = 'contract'",
    )
    assert str(ends) in error.what
    assert record_of(contracted, MIGRATION_ID).state is State.CONTRACTED
    run(contracted, "UPDATE pgtide.phase SET ended_at = ended_at - interval '169 h'")
    assert purge(contracted, MIGRATION_ID, hurry=None).state is State.COMPLETED
    unawaited = "SELECT count(*) FROM pgtide.event WHERE kind = 'not_awaited'"
    assert run(contracted, f"{unawaited} AND detail ->> 'phase' = 'purge'") == [(0,)]


def test_purge_waits_until_a_person_says_that_nobody_reads_the_old_columns(
    contracted: str,
) -> None:
    record = record_of(contracted, MIGRATION_ID)
    with begun(later_settings(contracted), Caller(actor=ACTOR), record) as held:
        error = refusal(lambda: carry_out(held, Purging(hurry=HURRY)))
    assert isinstance(error, AwaitingApproval)
    assert record_of(contracted, MIGRATION_ID).state is State.CONTRACTED
    assert run(contracted, LOG) == [("SUCCESS", True)]


def test_purge_begins_where_a_migration_is_contracted_and_nowhere_else(database: str) -> None:
    create_users(database, rows=50)
    migrate(database, email_migration())
    error = refusal(lambda: purge(database, MIGRATION_ID))
    assert isinstance(error, Refused)
    assert "is verified" in error.what
    assert record_of(database, MIGRATION_ID).state is State.VERIFIED


# What others hang on an old column, how purge names it, and how it goes.
HUNG = (
    (
        "CREATE VIEW public.watching AS SELECT email_verified_v2 FROM public.users",
        "view public.watching on email_verified_v2: CREATE VIEW public.watching AS",
        "DROP VIEW public.watching",
    ),
    (
        "CREATE INDEX late ON public.users (name, email_verified_v2)",
        "index public.late on email_verified_v2: CREATE INDEX CONCURRENTLY late ON public.users",
        "DROP INDEX public.late",
    ),
    (
        "ALTER TABLE public.users ADD CONSTRAINT late CHECK (verification_token_v2 <> '')",
        "constraint late on public.users on verification_token_v2: ALTER TABLE",
        "ALTER TABLE public.users DROP CONSTRAINT late",
    ),
    (
        "CREATE STATISTICS public.late ON name, email_verified_v2 FROM public.users",
        "statistics public.late on email_verified_v2: CREATE STATISTICS public.late",
        "DROP STATISTICS public.late",
    ),
)


def test_what_somebody_hung_on_an_old_column_is_named_and_keeps_it(contracted: str) -> None:
    approve(contracted, MIGRATION_ID, Gate.READS_SWITCHED)
    for hang, says, drop in HUNG:
        run(contracted, hang)
        error = refusal(lambda: purge(contracted, MIGRATION_ID))
        assert isinstance(error, Refused)
        assert says in error.what
        assert record_of(contracted, MIGRATION_ID).state is State.CONTRACTED
        assert run(contracted, LOG) == [("SUCCESS", True)]
        run(contracted, drop)
    assert purge(contracted, MIGRATION_ID).state is State.COMPLETED
    assert run(contracted, LEFT) == []


def test_what_is_hung_on_an_old_column_while_purge_waits_keeps_it_too(contracted: str) -> None:
    late = once("purge.shape", lambda: run(contracted, HUNG[1][0]))
    error = refusal(lambda: purge(contracted, MIGRATION_ID, emit=late))
    assert isinstance(error, Refused)
    assert "index public.late" in error.what
    record = record_of(contracted, MIGRATION_ID)
    assert (record.state, "index public.late" in str(record.last_error)) == (State.CONTRACTED, True)
    assert run(contracted, LOG) == [("SUCCESS", True)]
    run(contracted, HUNG[1][2])
    assert undo(contracted, MIGRATION_ID).state is State.ROLLED_BACK


def test_a_purge_that_failed_goes_on_with_purge_alone(contracted: str) -> None:
    with psycopg.connect(contracted) as reader:
        reader.execute("SELECT count(*) FROM public.users")
        brief = replace(later_settings(contracted), lock_tries=1)
        failed = refusal(lambda: purge(contracted, MIGRATION_ID, settings=brief))
    assert isinstance(failed, LockNotAcquired)
    assert failed.remedy.endswith("then run `pgtide purge 2.1.0` again.")
    record = record_of(contracted, MIGRATION_ID)
    assert (record.state, record.resume_to) == (State.FAILED, State.PURGING)
    assert run(contracted, LOG) == [("FAILED", False)]
    for back in (undo, to_verified):
        refused = refusal(partial(back, contracted, MIGRATION_ID))
        assert isinstance(refused, Refused)
        assert "purge has begun" in refused.what
    assert record_of(contracted, MIGRATION_ID) == record
    # It goes on without waiting again: retention was over, or did not count, when it began.
    assert purge(contracted, MIGRATION_ID, hurry=None).state is State.COMPLETED
    assert run(contracted, LOG) == [("SUCCESS", False)]


def test_a_completed_migration_has_no_way_back(contracted: str) -> None:
    purge(contracted, MIGRATION_ID)
    for back in (undo, to_verified):
        error = refusal(partial(back, contracted, MIGRATION_ID))
        assert isinstance(error, Refused)
        assert "purge" in error.what
    assert record_of(contracted, MIGRATION_ID).state is State.COMPLETED


def test_purge_leaves_what_a_declared_statement_made(database: str) -> None:
    create_small(database)
    made = (
        ("CREATE TABLE public.side (id bigint PRIMARY KEY)", "DROP TABLE public.side"),
        ("CREATE FUNCTION public.mine() RETURNS int RETURN 1", "DROP FUNCTION public.mine()"),
    )
    declared = (Sql(phase="expand", up=up, down=down) for up, down in made)
    migrate(database, small_migration(ReplaceColumn("a", type="bigint"), *declared))
    run(database, "INSERT INTO public.side VALUES (1)")
    contract(database, SMALL_ID)
    assert purge(database, SMALL_ID).state is State.COMPLETED
    assert run(database, "SELECT public.mine(), id FROM public.side") == [(1, 1)]


def test_nothing_is_left_where_no_column_was_replaced(database: str) -> None:
    create_small(database)
    migrate(database, small_migration(AddColumn("b", type="int")))
    contract(database, SMALL_ID)
    assert purge(database, SMALL_ID).state is State.COMPLETED
    assert run(database, LEFT.replace("public.users", "public.t")) == []


def test_triggers_touched_while_contracted_stop_purge_and_keep_the_way_back(
    contracted: str,
) -> None:
    run(
        contracted,
        "ALTER TABLE public.users DISABLE TRIGGER USER",
        "UPDATE public.users SET verification_token_v2 = 'INTERIM' WHERE id = 33",
        "ALTER TABLE public.users ENABLE TRIGGER USER",
    )
    error = refusal(lambda: purge(contracted, MIGRATION_ID))
    assert (error.exit_code, "were changed since contract" in error.what) == (2, True)
    assert record_of(contracted, MIGRATION_ID).state is State.CONTRACTED
    token = "SELECT verification_token_v2 FROM public.users WHERE id = 33"
    assert run(contracted, token) == [("INTERIM",)]
    assert run(contracted, LOG) == [("SUCCESS", True)]
    # As the remedy says: from there the rows are swept and verified again.
    assert to_verified(contracted, MIGRATION_ID).state is State.BACKFILLED
    assert migrate(contracted, email_migration()).state is State.VERIFIED
    contract(contracted, MIGRATION_ID)
    assert purge(contracted, MIGRATION_ID).state is State.COMPLETED


def test_a_table_that_was_rewritten_while_contracted_can_be_purged(contracted: str) -> None:
    run(contracted, "VACUUM FULL public.users")
    assert purge(contracted, MIGRATION_ID).state is State.COMPLETED


def test_where_no_way_leads_back_a_reason_purges_what_may_differ(database: str) -> None:
    create_small(database)
    widened = small_migration(ReplaceColumn("a", type="bigint"))
    migrate(database, replace(widened, on_unrepresentable="release"))
    contract(database, SMALL_ID, release="1.1.0")
    run(
        database,
        "UPDATE public.t SET a = 1::bigint << 40 WHERE id = 7",
        "ALTER TABLE public.t DISABLE TRIGGER USER",
        "ALTER TABLE public.t ENABLE TRIGGER USER",
    )
    assert "cannot be undone" in refusal(lambda: undo(database, SMALL_ID)).what
    run(database, "UPDATE pgtide.phase SET ended_at = ended_at - interval '9 days'")
    error = refusal(lambda: purge(database, SMALL_ID, hurry=None))
    assert "pgtide purge 1.0.0 --now --reason TEXT" in error.remedy
    assert record_of(database, SMALL_ID).state is State.CONTRACTED
    wish = Wish(gate=Gate.READS_SWITCHED, approve=True, by="ann", reason="compared by hand")
    with connect(database, purpose="test") as session:
        record = record_of(database, SMALL_ID)
        settings = later_settings(database)
        assert decide_gate(session, settings, record, wish, clock=SYSTEM_CLOCK).approved
    assert purge(database, SMALL_ID).state is State.COMPLETED
    why = "SELECT detail ->> 'reason' FROM pgtide.event WHERE kind = 'purged_unproved'"
    assert run(database, why) == [(HURRY,)]
