"""A schema as pg_dump writes it."""

import subprocess

from pgtide.postgres.embedded import tool


def dumped(url: str, table: str | None = None) -> str:
    """Return pg_dump's text of a table, or of all, without the random key of newer versions."""
    only = ["-t", table] if table else []
    command = [str(tool("pg_dump")), "--schema-only", *only, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    random = ("\\restrict", "\\unrestrict")
    return "\n".join(line for line in text.splitlines() if not line.startswith(random))
