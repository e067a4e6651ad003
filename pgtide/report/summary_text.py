"""How a migration went, on half a page: phases and times, verification, and the way back."""

from collections.abc import Sequence

from pgtide.ledger.phases import PhaseRecord
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import DatedVerdict
from pgtide.model.state import State
from pgtide.report.markdown import table


def summary_page(
    record: Record,
    phases: Sequence[PhaseRecord],
    verdict: DatedVerdict | None,
    *,
    waiting_for: str | None = None,
) -> str:
    """Return the summary as Markdown; `waiting_for` is what the record does not say of it."""
    parts = [
        f"# {record.description} ({record.version}): {record.state}",
        f"{record.id} on {record.table}.",
        *_troubles(record, record.waiting_for or waiting_for),
        table(("phase", "state", "seconds", "rows"), [_phase(one) for one in phases]),
        _verification(verdict),
        _undo(record),
    ]
    return "\n\n".join(parts) + "\n"


def _troubles(record: Record, waiting_for: str | None) -> list[str]:
    found = []
    if waiting_for:
        found.append(f"Waiting: {waiting_for}")
    if record.last_error and record.state is not State.VERIFIED:
        found.append(f"Last error: {record.last_error}")
    return found


def _phase(one: PhaseRecord) -> tuple[str, str, str, str]:
    rows = "" if one.rows is None else f"{one.rows:,}"
    return (one.phase, one.state, f"{one.seconds:.1f}", rows)


def _verification(dated: DatedVerdict | None) -> str:
    if dated is None:
        return "Not verified yet."
    verdict = dated.verdict
    result = "passed" if verdict.passed else "failed"
    return (
        f"Verification {result} at level {verdict.level} on {dated.at:%Y-%m-%d %H:%M} UTC: "
        f"{verdict.mismatches:,} of {verdict.rows:,} rows out of step."
    )


def _undo(record: Record) -> str:
    if record.state in {State.PLANNED, State.ROLLED_BACK}:
        return "Nothing of it is on the table."
    return f"Undo with `pgtide down {record.id}`: no write to an old column is lost."
