"""Prefect tasks: one thin door per use case of the engine, without database logic."""
