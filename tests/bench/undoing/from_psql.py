"""Undo as a DBA does who has psql and nothing else."""

from pathlib import Path

from tests.psql import undo_from_psql


def from_psql(url: str, folder: Path) -> None:
    """SELECT pgtide.safe_rollback_migration('2.1.0')."""
    del folder
    answer = undo_from_psql(url)
    assert answer.undone, answer
