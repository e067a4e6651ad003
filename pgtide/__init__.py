"""pgtide changes a live PostgreSQL database without stopping the application.

The engine's public names.
"""

from pgtide.changes.add_column import AddColumn
from pgtide.changes.index import Index
from pgtide.changes.replace_column import ReplaceColumn
from pgtide.changes.sql import Sql
from pgtide.model.backfill import Backfill
from pgtide.model.migration import Migration
from pgtide.model.performance import Performance
from pgtide.model.throttle import HoldWhile, Throttle
from pgtide.model.window import Window

__all__ = [
    "AddColumn",
    "Backfill",
    "HoldWhile",
    "Index",
    "Migration",
    "Performance",
    "ReplaceColumn",
    "Sql",
    "Throttle",
    "Window",
]
