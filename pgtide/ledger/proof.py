"""Whether what verification proved holds still, as the ledger and the catalog say it now."""

from typing import Final

from pgtide.changes import contract, purge
from pgtide.ledger import quarantine, steps
from pgtide.ledger.conflicts import conflicts
from pgtide.ledger.fingerprint import present, same_but_for_file, same_but_for_leaves
from pgtide.ledger.record import Record
from pgtide.ledger.verifications import proof
from pgtide.model.state import UNDOING, UNTOUCHED
from pgtide.postgres.session import Session

_CHANGED: Final = "the triggers, functions or columns that keep both shapes in step were changed"


def flaw(session: Session, record: Record, *, leaves: bool = True) -> str | None:
    """Say why the last verification proves nothing any more; None where it does.

    Where `leaves` is false, partitions may have come and gone: contract compares the new ones.
    """
    last = proof(session, record.id)
    if last is None or not last.passed:
        return "it was not verified"
    if last.checksum != record.checksum:
        return "it was verified under another declaration"
    changed = _changed(session, record, last.fingerprint, leaves=leaves)
    if changed:
        return changed
    held = quarantine.count(session, quarantine.attempt_of(record))
    if held:
        return f"{held:,} of its rows are in quarantine"
    # The triggers leave such a write alone: its row is out of step, and nothing else says so.
    since = (conflicts(session, record.plan) or 0) - last.conflicts
    if since > 0:
        writes = "write" if since == 1 else "writes"
        return f"{since:,} {writes} since it was verified set both columns to different values"
    return None


def _changed(session: Session, record: Record, proved: str, *, leaves: bool) -> str | None:
    # The verdict's, the ledger's and the catalog's own: three that must be one.
    known, now = record.fingerprint or "{}", present(session, record.plan)
    if proved == known == now:
        return None
    if proved == known and same_but_for_leaves(known, now):
        told = "partitions came since it was verified whose rows were not found to be in step"
        return told if leaves else None
    return (
        f"{_CHANGED} since it was verified (or the table was rewritten): writes may have gone past "
        "them"
    )


def touched(session: Session, record: Record) -> str | None:
    """Say why an old column may hold values since contract that no new one has; None if not."""
    known, found = record.fingerprint, present(session, record.plan, contracted=True)
    # A rewritten table has the same rows; only who went past the triggers left others.
    if known is None or not same_but_for_file(known, found):
        return f"{_CHANGED} since contract: writes may have gone past them"
    return None


def withdrawn(session: Session, record: Record) -> str | None:
    """Say why a verification that had passed counts no more, wherever the migration stands."""
    if record.state in UNTOUCHED | UNDOING:
        return None
    done = {one.name for one in steps.recorded(session, record.id) if one.state == "done"}
    if purge.SHAPE in done:
        return None
    return (
        touched(session, record) if contract.SHAPE in done else flaw(session, record, leaves=False)
    )
