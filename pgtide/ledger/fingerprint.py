"""The fingerprint of what keeps the shapes in step, as the catalog shows it now."""

import json

from pgtide.model.plan import Plan
from pgtide.postgres.catalog import fingerprint
from pgtide.postgres.session import Session


def present(session: Session, plan: Plan, *, contracted: bool = False) -> str:
    """Return the fingerprint as the catalog shows it to this session.

    After contract the new columns go by their final names.
    """
    final = {one.new: one.old for one in plan.replacements} if contracted else {}
    columns = tuple(final.get(name, name) for name, _ in plan.expected.columns)
    return fingerprint(session, plan.table_oid, prefix=f"m_{plan.tag}_", columns=columns)


def same_but_for_file(one: str, other: str) -> bool:
    """Tell whether two fingerprints differ in nothing but the file that the table is in."""
    return {**json.loads(one), "filenode": 0} == {**json.loads(other), "filenode": 0}


def same_but_for_columns(one: str, other: str) -> bool:
    """Tell whether two fingerprints differ in nothing but the versions of the new columns."""
    return {**json.loads(one), "columns": 0} == {**json.loads(other), "columns": 0}
