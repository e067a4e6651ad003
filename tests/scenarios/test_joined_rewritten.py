"""A table is rewritten while another process helps: both begin anew, and nobody is taken over."""

import threading
import time
from dataclasses import replace
from datetime import timedelta

from pgtide import Backfill
from pgtide.events import BatchBegan, BatchCommitted, Event
from pgtide.ledger.joined import joined
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.phases.join import join
from tests.driving import ACTOR, migrate, record_of, settings_for
from tests.scenarios.ledger_truth import disagreements
from tests.small_table import run
from tests.users import MIGRATION_ID, create_users, email_migration

VOID = "SELECT count(*) FROM pgtide.slice WHERE state = 'void'"
_PATIENCE = 20.0


def test_who_helps_goes_on_where_the_run_has_given_up_its_slices(database: str) -> None:
    create_users(database, rows=40_000)
    settings = replace(settings_for(database), batch_target=timedelta(milliseconds=2))
    begun, holds = threading.Event(), threading.Event()
    rows = list[int]()

    def helped(event: Event) -> None:
        if isinstance(event, BatchCommitted) and not begun.is_set():
            begun.set()
            assert holds.wait(_PATIENCE)
            run(database, "VACUUM FULL public.users")

    def helping(event: Event) -> None:
        if isinstance(event, BatchBegan) and not holds.is_set():
            holds.set()
            deadline = time.monotonic() + _PATIENCE
            while run(database, VOID) == [(0,)]:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def help_out() -> None:
        assert begun.wait(_PATIENCE)
        caller = Caller(actor=ACTOR, emit=helping)
        with joined(settings, caller, record_of(database, MIGRATION_ID)) as theirs:
            rows.append(join(theirs))

    helper = threading.Thread(target=help_out)
    helper.start()
    migration = replace(email_migration(), backfill=Backfill(workers=1))
    migrate(database, migration, until=Phase.BACKFILL, emit=helped, settings=settings)
    helper.join(_PATIENCE)
    # It came to its own end, which is the backfill's: it was not told that it was taken over.
    assert len(rows) == 1
    assert disagreements(database) == []
