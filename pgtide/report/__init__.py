"""What people read: plans, verdicts and summaries, made of values; nothing here asks a database."""
