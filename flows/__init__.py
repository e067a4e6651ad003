"""Prefect flows: the phases of a migration in order, and how migration files are loaded."""

from flows.migration_flow import migration_flow

__all__ = ["migration_flow"]
