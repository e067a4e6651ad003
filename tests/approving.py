"""Decide on gates as people do, without the command."""

from dataclasses import replace

from pgtide.clock import SYSTEM_CLOCK, Clock
from pgtide.ledger.approvals import decision
from pgtide.model.gate import Decision, Gate
from pgtide.model.migration import Migration
from pgtide.operate.approve import Decided, Wish, decide_gate
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.driving import record_of, settings_for
from tests.users import MIGRATION_ID, email_migration


def dual_writing() -> Migration:
    """Return the strategy's migration for an application that writes both shapes itself."""
    return replace(email_migration(), dual_write="application")


def approve(
    url: str,
    gate: Gate,
    *,
    by: str = "bob",
    reject: bool = False,
    reason: str = "seen",
    settings: Settings | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Decided:
    """Decide on a gate of the only migration."""
    wish = Wish(gate=gate, approve=not reject, reason=reason, by=by)
    with connect(url, purpose="test") as session:
        record = record_of(url, MIGRATION_ID)
        return decide_gate(session, settings or settings_for(url), record, wish, clock=clock)


def stands(url: str, gate: Gate, settings: Settings | None = None) -> Decision:
    """Return what the newest decision on a gate comes to."""
    with connect(url, purpose="test") as session:
        return decision(session, record_of(url, MIGRATION_ID), gate, settings or settings_for(url))
