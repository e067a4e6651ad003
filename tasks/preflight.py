"""Preflight: check the migration, and hold it for as long as the flow runs."""

from contextlib import ExitStack

from pgtide.ledger.run import Caller, Run
from pgtide.model.migration import Migration
from pgtide.phases.forward import opened
from pgtide.settings import Settings
from tasks.door import door


@door("preflight", called="preflight {migration.table_name.name}")
def preflight(stack: ExitStack, settings: Settings, caller: Caller, migration: Migration) -> Run:
    """Check and hold a migration; the stack lets it go."""
    return stack.enter_context(opened(settings, caller, migration))
