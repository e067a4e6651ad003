"""Prefect tasks: one thin task per use case; the work is the engine's."""

from tasks.backfill import backfill, one_task_each
from tasks.backup import backup
from tasks.door import ending, outcome
from tasks.expand import expand
from tasks.finalize import finalize
from tasks.preflight import preflight
from tasks.verify import verify

__all__ = [
    "backfill",
    "backup",
    "ending",
    "expand",
    "finalize",
    "one_task_each",
    "outcome",
    "preflight",
    "verify",
]
