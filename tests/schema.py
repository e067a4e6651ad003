"""A table's schema as pg_dump writes it."""

import subprocess

from pgtide.postgres.embedded import tool


def dumped(url: str, table: str) -> str:
    """Return pg_dump's text of a table, without the random key that newer versions write."""
    command = [str(tool("pg_dump")), "--schema-only", "-t", table, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    random = ("\\restrict", "\\unrestrict")
    return "\n".join(line for line in text.splitlines() if not line.startswith(random))
