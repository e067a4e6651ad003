"""A write that contradicts itself, counted before verification and committed after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest

from pgtide.errors import LockNotAcquired
from pgtide.events import Event, Listener, LockWaited, RangeVerified, silence
from pgtide.ledger.audit import history
from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.operate.status import status_now
from pgtide.phases.verify import MismatchedRows
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.later import contract
from tests.small_table import run
from tests.users import MIGRATION_ID, email_migration

pytestmark = pytest.mark.long

CONTRADICT = (
    "UPDATE public.users SET verification_token = 'old', verification_token_v2 = 'interim'"
    " WHERE id = 33"
)
VALUES = "SELECT verification_token, verification_token_v2 FROM public.users WHERE id = 33"
VERDICTS = "SELECT passed, conflicts FROM pgtide.verification ORDER BY id"

Act = Callable[[str], None]


@contextmanager
def contradicting(url: str) -> Iterator[Act]:
    """Contradict in a transaction that stays open; gives what acts in its session."""
    with psycopg.connect(url, autocommit=True) as writer:

        def act(text: str) -> None:
            writer.execute(text.encode())

        act("BEGIN")
        act(CONTRADICT)
        try:
            yield act
        finally:
            writer.rollback()


def verify(url: str, *, emit: Listener = silence, settings: Settings | None = None) -> None:
    caller = Caller(actor=ACTOR, emit=emit)
    verify_again(settings or settings_for(url), caller, record_of(url, MIGRATION_ID))


def waiting_for(url: str) -> str | None:
    with connect(url, purpose="test") as session:
        waits = status_now(session, settings_for(url), MIGRATION_ID).waiting_for
    return next((one.text for one in waits if one.kind == "lock"), None)


def told(act: Act, *texts: str) -> tuple[Listener, list[LockWaited]]:
    """Return a listener that acts each time the wait is told of, and what it hears."""
    heard: list[LockWaited] = []
    left = iter(texts)

    def listen(event: Event) -> None:
        if isinstance(event, LockWaited):
            heard.append(event)
            act(next(left))

    return listen, heard


def test_it_is_waited_for_and_found(verified: str) -> None:
    with contradicting(verified) as act:
        listen, heard = told(act, "COMMIT")
        error = refusal(lambda: verify(verified, emit=listen))
    assert isinstance(error, MismatchedRows)
    assert "1 of 300 rows" in error.what
    assert [one.awaited for one in heard] == ["the end of open writes"]
    assert "COMMIT" not in heard[0].blockers[0]
    assert "UPDATE public.users SET verification_token" in heard[0].blockers[0]
    assert migrate(verified, email_migration()).state is State.VERIFIED
    assert contract(verified, MIGRATION_ID).state is State.CONTRACTED
    assert run(verified, VALUES) == [("old", "old")]


def test_one_that_is_prepared_meanwhile_is_waited_for_still(verified: str) -> None:
    with contradicting(verified) as act:
        listen, heard = told(act, "PREPARE TRANSACTION 'half'", "COMMIT PREPARED 'half'")
        error = refusal(lambda: verify(verified, emit=listen))
    assert isinstance(error, MismatchedRows)
    assert heard[1].blockers[0].startswith("prepared transaction 'half' (postgres, ")


def test_one_that_does_not_end_keeps_the_verdict_from_being_reached(verified: str) -> None:
    brief = replace(settings_for(verified), lock_tries=1)
    with contradicting(verified):
        error = refusal(lambda: verify(verified, settings=brief))
    assert isinstance(error, LockNotAcquired)
    assert "UPDATE public.users SET verification_token" in error.what
    assert record_of(verified, MIGRATION_ID).standing is State.VERIFYING
    assert run(verified, VERDICTS) == [(True, 0)]
    # Taken back, it has left nothing but its count.
    assert migrate(verified, email_migration()).state is State.VERIFIED
    assert run(verified, VERDICTS) == [(True, 0), (True, 1)]


def test_nobody_is_waited_for_where_no_write_has_contradicted_itself(verified: str) -> None:
    hasty = replace(settings_for(verified), lock_tries=1)
    with psycopg.connect(verified) as writer:
        writer.execute("UPDATE public.users SET name = 'long' WHERE id = 33")
        verify(verified, settings=hasty)
    assert run(verified, VERDICTS) == [(True, 0), (True, 0)]


def test_who_comes_later_is_not_waited_for(verified: str) -> None:
    with psycopg.connect(verified) as later, contradicting(verified) as act:

        def follow(text: str) -> None:
            later.execute("UPDATE public.users SET name = 'later' WHERE id = 66")
            act(text)

        listen, heard = told(follow, "ROLLBACK")
        verify(verified, emit=listen)
    assert len(heard) == 1
    assert run(verified, VERDICTS) == [(True, 0), (True, 1)]


def test_status_says_what_is_waited_for_and_for_no_longer_than_it_is(verified: str) -> None:
    said: list[str | None] = []
    with contradicting(verified) as act:

        def look(event: Event) -> None:
            if isinstance(event, LockWaited):
                # The audit's line comes after the listeners have heard of the first.
                if event.attempt > 1:
                    said.append(waiting_for(verified))
                    act("ROLLBACK")
            elif isinstance(event, RangeVerified):
                said.append(waiting_for(verified))

        verify(verified, emit=look)
    assert str(said[0]).startswith("the end of open writes on public.users; in the way: pid ")
    assert said[1:] == [None]
    with connect(verified, purpose="test") as session:
        kinds = [entry.kind for entry in history(session, MIGRATION_ID)]
    assert kinds.count("open_writes_ended") == 1
