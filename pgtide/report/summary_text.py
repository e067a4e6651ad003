"""How a migration went, on half a page: phases and times, verification, and the way back."""

from collections.abc import Sequence

from pgtide.ledger.phases import PhaseRecord
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import DatedVerdict
from pgtide.model.state import State, undoable
from pgtide.report.markdown import table


def summary_page(
    record: Record,
    phases: Sequence[PhaseRecord],
    verdict: DatedVerdict | None,
    *,
    way_back: bool,
    waits: Sequence[str] = (),
    void: str | None = None,
) -> str:
    """Return the summary as Markdown.

    `way_back` tells whether it can be undone, `void` why a verification that passed counts no more.
    """
    parts = [
        f"# {record.description} ({record.version}): {record.state}",
        f"{record.id} on {record.table}.",
        *_troubles(record, waits),
        table(("phase", "state", "seconds", "rows"), [_phase(one) for one in phases]),
        _verification(verdict, void),
        _undo(record, way_back=way_back),
    ]
    return "\n\n".join(parts) + "\n"


def _troubles(record: Record, waits: Sequence[str]) -> list[str]:
    found = [f"Waiting: {one}" for one in waits]
    if record.last_error and record.state is not State.VERIFIED:
        found.append(f"Last error: {record.last_error}")
    return found


def _phase(one: PhaseRecord) -> tuple[str, str, str, str]:
    rows = "" if one.rows is None else f"{one.rows:,}"
    return (one.phase, one.state, f"{one.seconds:.1f}", rows)


def _verification(dated: DatedVerdict | None, void: str | None) -> str:
    if dated is None:
        return "Not verified yet."
    verdict = dated.verdict
    result = "passed" if verdict.passed else "failed"
    return (
        f"Verification {result} at level {verdict.level} on {dated.at:%Y-%m-%d %H:%M} UTC: "
        f"{verdict.mismatches:,} of {verdict.rows:,} rows out of step."
        + (f" Withdrawn since: {void}." if void else "")
    )


def _undo(record: Record, *, way_back: bool) -> str:
    if record.state in {State.PLANNED, State.ROLLED_BACK}:
        return "Nothing of it is on the table."
    if not undoable(record.state, record.resume_to):
        return "There is no way back: only a backup has the old shape."
    if not way_back:
        return (
            "There is no way back to the old shape any more: a statement, or a write that the old "
            f"shape could not hold, has closed it. `pgtide status {record.version}` says what next."
        )
    return f"Undo with `pgtide down {record.id}`: no write to an old column is lost."
