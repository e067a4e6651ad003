"""The server's own client programs, told in their environment where the database is."""

import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from demo.narrator import Narrator
from pgtide.errors import Failed

_PATIENCE: Final = 120.0


def client_environment(url: str) -> dict[str, str]:
    """Return what names a database to a client program.

    Not among its arguments, where every user could read the password.
    """
    where = urlsplit(url)
    return {
        "PGHOST": where.hostname or "",
        "PGPORT": str(where.port),
        "PGUSER": unquote(where.username or ""),
        "PGPASSWORD": unquote(where.password or ""),
        "PGDATABASE": unquote(where.path.lstrip("/")),
    }


def ask_psql(url: str, sql: str, *, psql: Path, narrator: Narrator) -> str:
    """Run one statement in psql, as a DBA would, and return the answer; shows both."""
    narrator.command(("psql", "-c", sql))
    said = subprocess.run(
        [psql, "--no-psqlrc", "--tuples-only", "--no-align", "-v", "ON_ERROR_STOP=1", "-c", sql],
        env=client_environment(url),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    for line in (said.stdout + said.stderr).splitlines():
        narrator.output(line)
    if said.returncode:
        raise Failed(
            f"psql ended with {said.returncode}.",
            state="The demo stops here and takes everything down.",
            remedy="See what it said above.",
        )
    return said.stdout.strip()
