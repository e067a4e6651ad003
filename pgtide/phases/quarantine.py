"""Quarantine in a run: its rows are tried again, and the backfill ends once there are none."""

from collections import Counter
from collections.abc import Callable

from pgtide.backfill.held_rows import HeldRows
from pgtide.backfill.quarantining import first_reasons
from pgtide.errors import Failed, Refused
from pgtide.ledger import audit, quarantine, slices
from pgtide.ledger.quarantine import HeldRow, Left, attempt_of
from pgtide.ledger.record import Record, fence
from pgtide.ledger.run import Caller, Run
from pgtide.ledger.slices import Kind
from pgtide.model.state import State
from pgtide.phases.begun import begun
from pgtide.postgres.session import connect
from pgtide.settings import Settings

# How many rows left quarantine and how, and under None how many stayed.
Tally = Counter[Left | None]


class Quarantined(Failed):
    """End a backfill whose last rows are in quarantine."""

    code = "quarantined"


def retry(run: Run) -> Tally:
    """Try each row in quarantine again, one by one; return what has become of them."""
    tally = _through(run, lambda rows: rows.fill)
    if tally:
        audit.note(run.session, run.lease, "quarantine_retried", **_words(tally))
    return tally


def settle(run: Run) -> bool:
    """Let the rows leave that were mended meanwhile; False where a sweep has to look for them."""
    tally = _through(run, lambda rows: rows.look)
    left: Tally = Counter({kind: rows for kind, rows in tally.items() if kind is not None})
    if left:
        audit.note(run.session, run.lease, "quarantine_settled", **_words(left))
    # Without a key nobody can tell a row that is gone from one that has moved.
    return bool(run.plan.key) or not tally[Left.GONE]


def refuse_held(run: Run) -> None:
    """Raise Quarantined where rows are in quarantine."""
    many = quarantine.count(run.session, attempt_of(run.lease))
    if not many:
        return
    rows, are = ("row", "is") if many == 1 else ("rows", "are")
    raise Quarantined(
        f"{many:,} {rows} of {run.plan.table} could not be filled and {are} in quarantine: "
        f"{first_reasons(run.session, attempt_of(run.lease))}.",
        state="All other rows are filled; the backfill is over once none is in quarantine.",
        remedy=(
            f"`pgtide quarantine {run.plan.version}` lists them. Mend or delete them, or what "
            f"refuses them, then `pgtide up {run.plan.version}` tries them again and goes on."
        ),
    )


def retry_now(settings: Settings, caller: Caller, record: Record) -> Tally:
    """Try the rows of a migration that nobody works on; raises Busy where somebody does."""
    with connect(settings.url, purpose="quarantine") as session:
        if not quarantine.count(session, attempt_of(record)):
            return Counter()
    if record.standing is not State.BACKFILLING:
        raise Refused(
            f"{record.id} is {record.state.replace('_', ' ')}: rows are in quarantine only as long "
            "as the backfill is not over.",
            state="Nothing was changed.",
            remedy=f"`pgtide status {record.version}` shows what comes next.",
        )
    with begun(settings, caller, record) as run:
        return retry(run)


def _through(run: Run, act: Callable[[HeldRows], Callable[[HeldRow], Left | None]]) -> Tally:
    tally: Tally = Counter()
    if run.plan.backfill is None:
        return tally
    rows = HeldRows(
        run.session, run.plan, run.plan.backfill, lambda session: fence(session, run.lease)
    )
    for row in quarantine.held(run.session, attempt_of(run.lease)):
        run.check()
        tally[act(rows)(row)] += 1
    if tally[Left.GONE] and not run.plan.key:
        slices.void(run.session, run.lease, Kind.SWEEP)
    return tally


def _words(tally: Tally) -> dict[str, int]:
    left = {kind.value: tally[kind] for kind in Left if tally[kind]}
    return {**left, **({"left": tally[None]} if None in tally else {})}
