"""A walk by key wants a key: refused before anything has changed where a leaf has none."""

from pgtide.backfill.leading_key import leading_key
from pgtide.backfill.terrain_of import terrain_of
from pgtide.model.plan import Plan
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.session import Session


def refuse_keyless(session: Session, plan: Plan) -> None:
    """Raise Refused where a leaf has to be walked by key, and none of its keys can serve."""
    if plan.filling.walk == "pages":
        return
    for leaf in read_leaves(session, plan.table_oid):
        leading_key(terrain_of(session, plan, leaf.oid), plan.filling)
