"""The right to write to a migration: the fencing token of its newest run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A run's right to write, until a newer run raises the token."""

    migration_id: str
    run_id: int
    token: int
    attempt: int
    actor: str
