"""What ends a run, as the engine says it; some of it with what must not be told."""

from typing import Final

from pgtide.errors import (
    AwaitingApproval,
    ConnectionLost,
    Interrupted,
    LockNotAcquired,
    Mismatched,
    Refused,
    Waiting,
    WindowClosed,
)
from pgtide.phases.quarantine import Quarantined
from pgtide.postgres.faults import DataFault
from tests.unit.notify.shown import SUBJECT

ID: Final = SUBJECT.id

LOCKS = LockNotAcquired(
    "No lock on the table after 30 tries in 118 s. In the way: pid 812 (bob, reports, 340 s: "
    "SELECT * FROM users WHERE email = 'a@b.c').",
    state="This step changed nothing; the steps before it are kept.",
    remedy="End what is in the way or wait for it, then run `pgtide up` again.",
    abroad="No lock on the table after 30 tries in 118 s. In the way: pid 812 (bob, reports, 340 "
    "s).",
)
ROWS = Quarantined(
    "12 rows of public.users could not be filled and are in quarantine: raised by the function "
    "refuse_unnamed(), line 3; its text is withheld, since it may quote the row (SQLSTATE P0001, "
    "12).",
    state="All other rows are filled; the backfill is over once none is in quarantine.",
    remedy="`pgtide quarantine 2.1.0` lists them. Mend or delete them, or what refuses them, then "
    "`pgtide up 2.1.0` tries them again and goes on.",
)
RAISED = DataFault(
    "PostgreSQL refused while validating: user a@b.c has no name (SQLSTATE P0001).",
    state="The statement was rolled back; everything committed before is kept.",
    remedy="Mend the cause, then run `pgtide up` to go on, or `pgtide down` to undo.",
    sqlstate="P0001",
    reason="raised by the function refuse_unnamed(), line 3; its text is withheld, since it may "
    "quote the row",
)
APPROVAL = AwaitingApproval(
    f"{ID} waits at the gate contract, until a person confirms that a later release is live, and "
    "the new columns may take the final names; nobody has decided yet.",
    state="It stays verified; nothing was changed.",
    remedy="Run `pgtide approve 2.1.0 contract --reason TEXT`, then `pgtide contract 2.1.0 "
    "--release V`.",
)
CLOSED = WindowClosed(
    f"{ID} stopped since its window, Mon-Fri 01:00-05:00 Europe/Berlin, is closed; it opens at "
    "2026-03-09 01:00 CET.",
    state="The last batch is checkpointed.",
    remedy="The next run inside of the window goes on by itself.",
)
PAUSED = Waiting(
    f"{ID} is paused: operator ann holds it: rush hour.",
    state="The last batch is checkpointed.",
    remedy="Run `pgtide resume 2.1.0` to go on.",
)
STOPPED = Interrupted(
    f"{ID} was interrupted.",
    state="The last batch is checkpointed.",
    remedy="Run `pgtide up` to go on from there.",
)
MISMATCH = Mismatched(
    f"Verification of {ID} found: 3 of 12,000,000 rows are out of step.",
    state="Nothing was written; the migration is back at `backfilled`.",
    remedy="Run `pgtide up` to sweep these rows and verify again.",
)
REFUSED = Refused(
    "A transaction of pid 812 (bob, reports) has been open for 3 h.",
    state="Nothing was changed.",
    remedy="End it, then run `pgtide up` again.",
)
LOST = ConnectionLost(
    "The connection to the database was lost while filling: server closed the connection.",
    state="Everything committed before is kept.",
    remedy="Run `pgtide up` to go on from there.",
)
