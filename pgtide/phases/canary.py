"""The canary: a small part of a table is filled, and found right, before all the rest."""

from pgtide.backfill.crew import Crew, Works
from pgtide.backfill.keyed import bounds, within
from pgtide.backfill.mishaps import KeyGone, Rewritten
from pgtide.backfill.quarantining import first_reasons
from pgtide.backfill.spread import Spread, spread
from pgtide.errors import Failed
from pgtide.events import CanaryPassed
from pgtide.ledger import audit, quarantine, slices
from pgtide.ledger.quarantine import attempt_of
from pgtide.ledger.run import Run
from pgtide.ledger.slices import Kind, Slice
from pgtide.phases.counting import WITHIN, counting
from pgtide.postgres.keys import key_of, read_keys
from pgtide.postgres.leaves import leaf_name


class CanaryFailed(Failed):
    """End a backfill before the most of it was begun."""

    code = "canary_failed"


def send_canary(crew: Crew, works: Works, over: Spread, *, workers: int) -> None:
    """Fill the first slices and compare them; raises CanaryFailed where not all is right.

    Does nothing where there is no canary, or where it has passed.
    """
    run = crew.run
    due = [one for one in slices.read(run.session, run.lease, Kind.WALK) if one.canary == "due"]
    if not due:
        return
    spread(crew, works, Kind.WALK, number=0, over=over, workers=workers, canary=True)
    rows, wrong = _compared(run, due)
    if wrong:
        _reopen(run, rows, wrong)
        raise _out_of_step(run, rows, wrong)
    held = quarantine.count(run.session, attempt_of(run.lease))
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        # Told once: whoever goes on after that has seen what fails.
        slices.pass_canary(session, run.lease)
        audit.note(session, run.lease, "canary_ended", rows=rows, quarantined=held)
    if held:
        raise _quarantined(run, rows, held)
    run.emit(CanaryPassed(rows=rows))


def _compared(run: Run, due: list[Slice]) -> tuple[int, int]:
    """Return the rows of the first slices, and how many are out of step, quarantine apart."""
    rows = wrong = 0
    whose = attempt_of(run.lease)
    for piece in due:
        run.check()
        leaf = leaf_name(run.session, run.plan.table_oid, piece.leaf)
        if leaf is None:
            raise Rewritten(piece.leaf)
        places = quarantine.places(run.session, whose, filenode=piece.filenode)
        tests, where = _range(run, piece)
        query = counting(run.plan, leaf, kept="false", within=tests)
        where["kept"] = places
        found = run.session.rows(query, where, doing="comparing the canary")[0]
        rows, wrong = rows + found["rows"], wrong + found["mismatches"]
    return rows, wrong


def _range(run: Run, piece: Slice) -> tuple[str, dict[str, object]]:
    """Return the tests that a row is in a slice, and their parameters."""
    if piece.keys is None:
        return WITHIN, {"low": f"({piece.first_block},0)", "high": f"({piece.end_block},0)"}
    key = key_of(read_keys(run.session, piece.leaf), piece.keys.columns)
    if key is None:
        raise KeyGone(piece.leaf)
    return " AND ".join(within(key, piece.keys)), bounds(piece.keys)


def _reopen(run: Run, rows: int, wrong: int) -> None:
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        slices.reopen_canary(session, run.lease)
        audit.note(session, run.lease, "canary_ended", rows=rows, mismatches=wrong)


def _out_of_step(run: Run, rows: int, wrong: int) -> CanaryFailed:
    return CanaryFailed(
        f"The canary of {run.plan.table} failed: {wrong:,} of its {rows:,} rows are out of step "
        "after they were filled, so something writes other values, or keeps rows back.",
        state="Nothing but these rows was filled.",
        remedy=(
            "Look for a trigger of the table's own that does so; then "
            f"`pgtide up {run.plan.version}` sends the canary again, and `pgtide down "
            f"{run.plan.version}` undoes it."
        ),
    )


def _quarantined(run: Run, rows: int, held: int) -> CanaryFailed:
    noun = "row" if held == 1 else "rows"
    return CanaryFailed(
        f"The canary of {run.plan.table} met with {held:,} {noun} that cannot be filled, of "
        f"{rows:,}: {first_reasons(run.session, attempt_of(run.lease))}.",
        state="Nothing but the canary's rows was filled; those that fail are in quarantine.",
        remedy=(
            f"`pgtide quarantine {run.plan.version}` lists them. Mend them, then `pgtide up "
            f"{run.plan.version}` goes on with the rest, which may hold more of the kind; `pgtide "
            f"down {run.plan.version}` undoes it, where the expression is wrong."
        ),
    )
