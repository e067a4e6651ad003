"""The key along which a table is walked, or the largest of its partitions."""

from pgtide.backfill.leading_key import leading_key
from pgtide.backfill.terrain_of import terrain_of
from pgtide.model.plan import Plan
from pgtide.postgres.keys import Key
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.session import Session


def largest_key(session: Session, plan: Plan) -> Key | None:
    """Return the key that leads through the most blocks; None where it goes from page to page.

    Also where nothing is filled. Raises Refused where there is no key and there has to be one.
    """
    leaves = read_leaves(session, plan.table_oid)
    largest = max(leaves, key=lambda one: one.blocks, default=None)
    if plan.backfill is None or largest is None:
        return None
    return leading_key(terrain_of(session, plan, largest.oid), plan.filling)
