"""The terrain of a migration: its table, with the columns that its backfill writes."""

from dataclasses import replace

from pgtide.backfill.leading_key import by_key
from pgtide.model.plan import Plan
from pgtide.postgres.keys import read_keys
from pgtide.postgres.session import Session
from pgtide.postgres.terrain import Terrain, read_terrain


def terrain_of(session: Session, plan: Plan, leaf: int | None = None) -> Terrain:
    """Look at the table that a plan is about to fill, or at one leaf of it.

    Its keys are read only where one of them leads the walk.
    """
    oid = leaf or plan.table_oid
    written = [name for name, _ in plan.expected.columns]
    terrain = read_terrain(session, oid, written=written)
    if not by_key(terrain, plan.filling):
        return terrain
    return replace(terrain, keys=read_keys(session, oid))
