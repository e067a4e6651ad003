"""Prefect flows: the phases of a migration, in order."""
