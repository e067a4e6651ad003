"""Prefect tasks: one thin task per use case; the work is the engine's."""

from tasks.backfill import backfill, one_task_each
from tasks.backup import backup
from tasks.contract import contract
from tasks.door import ending, outcome
from tasks.expand import expand
from tasks.finalize import finalize
from tasks.hold import hold
from tasks.preflight import preflight
from tasks.purge import purge
from tasks.rollback import rollback
from tasks.verify import verify

__all__ = [
    "backfill",
    "backup",
    "contract",
    "ending",
    "expand",
    "finalize",
    "hold",
    "one_task_each",
    "outcome",
    "preflight",
    "purge",
    "rollback",
    "verify",
]
