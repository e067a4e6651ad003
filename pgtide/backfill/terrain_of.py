"""The terrain of a migration: its table, with the columns that its backfill writes."""

from pgtide.model.plan import Plan
from pgtide.postgres.session import Session
from pgtide.postgres.terrain import Terrain, read_terrain


def terrain_of(session: Session, plan: Plan, leaf: int | None = None) -> Terrain:
    """Look at the table that a plan is about to fill, or at one leaf of it."""
    return read_terrain(
        session, leaf or plan.table_oid, written=[name for name, _ in plan.expected.columns]
    )
