"""What people ask of a migration that is no phase: where it stands, what was done, hold, release.

All of it is read from the ledger, and works without the migration's file.
"""
