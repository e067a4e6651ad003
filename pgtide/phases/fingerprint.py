"""The fingerprint of what keeps the shapes in step, of the migration that a run holds.

While it stands, ranges read at different times prove the whole.
"""

from pgtide.ledger.fingerprint import present
from pgtide.ledger.run import Run
from pgtide.postgres.session import Session


def take(run: Run, session: Session, *, contracted: bool = False) -> str:
    """Return the fingerprint as the catalog shows it to this session."""
    return present(session, run.plan, contracted=contracted)
