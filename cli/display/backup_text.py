"""A backup in one line."""

from rich.text import Text

from cli.display.words import data_size, span
from pgtide.operate.backups import BackupStatus


def backup_text(seen: BackupStatus) -> Text:
    """Say how old a backup is, what it holds, and how its trial went."""
    when = f"{span(seen.age_seconds)} ago"
    if seen.passed:
        tried = f"restored on trial in {span(seen.restore_seconds or 0.0)}"
        return Text(f"{when}, {seen.rows or 0:,} rows, {data_size(seen.bytes)}, {tried}")
    if seen.error:
        return Text(f"{when}, failed: {seen.error}", style="red")
    return Text(f"begun {when}, not tried yet", style="yellow")
