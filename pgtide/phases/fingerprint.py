"""The fingerprint of what keeps the shapes in step.

While it stands, ranges read at different times prove the whole.
"""

import json

from pgtide.ledger.run import Run
from pgtide.postgres.catalog import fingerprint
from pgtide.postgres.session import Session


def take(run: Run, session: Session) -> str:
    """Return the fingerprint as the catalog shows it to this session."""
    plan = run.plan
    columns = tuple(name for name, _ in plan.expected.columns)
    return fingerprint(session, plan.table_oid, prefix=f"m_{plan.tag}_", columns=columns)


def same_but_for_file(one: str, other: str) -> bool:
    """Tell whether two fingerprints differ in nothing but the file that the table is in."""
    return {**json.loads(one), "filenode": 0} == {**json.loads(other), "filenode": 0}


def same_but_for_columns(one: str, other: str) -> bool:
    """Tell whether two fingerprints differ in nothing but the versions of the new columns."""
    return {**json.loads(one), "columns": 0} == {**json.loads(other), "columns": 0}
