"""The installed `pgtide`, run as a person runs it: a process in a folder of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pgtide.ledger.record import every
from pgtide.operate.status import MigrationStatus, status_of
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.forked_command import Asked, forked

PGTIDE = str(Path(sys.executable).with_name("pgtide"))
PATIENCE = 60.0

# The strategy's migration, as a person's file.
EMAIL = '''"""Email verification moves to v2 columns."""

from flows import migration_flow
from tests.users import email_migration

migration = email_migration()
flow = migration_flow(migration)
'''
EMAIL_FILE = "20251231_120000_email_verification_v2.py"
# What a file does that must not be loaded.
UNLOADABLE = "raise SystemExit('this migration file was executed')\n"
# Found by Python at its start, before anything else is imported.
_BLOCKED = "from tests.no_prefect import block\nblock()\n"
ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Workplace:
    """A folder with migrations, a database, and the environment of the person who works there."""

    folder: Path
    url: str
    extra: Mapping[str, str] = field(default_factory=dict)
    prefect: bool = True

    @property
    def migrations(self) -> Path:
        path = self.folder / "migrations"
        path.mkdir(exist_ok=True)
        return path

    def without_prefect(self) -> "Workplace":
        """Return the same place with a Python that cannot import Prefect."""
        return replace(self, prefect=False)

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PREFECT_HOME") if name in os.environ}
        return {
            **kept,
            "HOME": str(self.folder),
            "DATABASE_URL": self.url,
            "COLUMNS": "100",
            "DO_NOT_TRACK": "1",
            "PGTIDE_BACKUP_FIRST": "0",
            **self.extra,
        }

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start the command and return it running."""
        return subprocess.Popen(
            [PGTIDE, *args],
            cwd=self.folder,
            env={**self.environment(), **self._blocked()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _blocked(self) -> dict[str, str]:
        if self.prefect:
            return {}
        site = self.folder / "site"
        site.mkdir(exist_ok=True)
        (site / "sitecustomize.py").write_text(_BLOCKED, encoding="utf-8")
        return {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, its imports behind it."""
        asked = Asked(
            args=args, folder=self.folder, environment=self.environment(), prefect=self.prefect
        )
        return forked(asked, patience=PATIENCE * 2)

    def json(self, *args: str, code: int = 0) -> Any:
        """Run the command with --json and return its document."""
        done = self.run(*args, "--json")
        assert done.returncode == code, f"{done.returncode}: {done.stdout}\n{done.stderr}"
        return json.loads(done.stdout)

    def status(self) -> Any:
        """Return the status of the only migration."""
        (one,) = self.json("status")
        return one

    def wait_for(self, holds: Callable[[MigrationStatus], bool]) -> MigrationStatus:
        """Look at the status until a condition holds; in this process, which is quicker."""
        deadline = time.monotonic() + PATIENCE
        with connect(self.url, purpose="test") as session:
            while True:
                found = [
                    status_of(session, Settings(database_url=self.url), one)
                    for one in every(session)
                ]
                if found and holds(found[0]):
                    return found[0]
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
