"""A DBA with psql and nothing else: no process of pgtide's, no Python driver."""

import subprocess
from dataclasses import dataclass

from pgtide.postgres.embedded import tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What psql printed: the value, and what the server said besides."""

    value: str
    said: str

    @property
    def undone(self) -> bool:
        """Tell whether the answer was true; any other than true or false is a failure."""
        assert self.value in {"t", "f"}, self
        return self.value == "t"


def psql(url: str, statement: str) -> Answer:
    """Run one statement through psql."""
    command = [str(tool("psql")), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, url]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return Answer(value=done.stdout.strip(), said=done.stderr)


def undo_from_psql(url: str, version: str = "2.1.0", schema: str = "pgtide") -> Answer:
    """Undo a migration as its DBA would."""
    return psql(url, f"SELECT {schema}.safe_rollback_migration('{version}')")
