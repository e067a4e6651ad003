"""Hold while the database is not well: one file per signal, one decision, one valve a process."""
