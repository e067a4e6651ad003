"""The only place that talks to PostgreSQL.

Everything above it sees sessions, rows and pgtide's errors.
"""
