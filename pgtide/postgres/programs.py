"""Which pg_dump and pg_restore fit a server: of its own major version, and of no other.

An older pg_dump refuses a newer server; a newer one writes what the server's own psql and
pg_restore may not read on the day of the disaster.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pgtide.errors import Refused
from pgtide.postgres.embedded import tool

_VERSION: Final = re.compile(r"\(PostgreSQL\) ((\d+)\S*)")
_NAMES: Final = ("pg_dump", "pg_restore")
# Where packages of distributions put several majors side by side, off the PATH.
_USUAL: Final = ("/usr/lib/postgresql/{major}/bin", "/usr/pgsql-{major}/bin")
_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A pair of client programs and the version that both have."""

    bin_dir: Path
    version: str

    @property
    def pg_dump(self) -> str:
        """Return the path of pg_dump."""
        return str(self.bin_dir / "pg_dump")

    @property
    def pg_restore(self) -> str:
        """Return the path of pg_restore."""
        return str(self.bin_dir / "pg_restore")


def client_programs(major: int, named: Path | None) -> Programs:
    """Return programs of that major version.

    From the directory that was named, else the packaged ones, else whatever PATH and the usual
    places have. Raises Refused, with what was found instead, where there are none.
    """
    others: list[str] = []
    for folder in [named.absolute()] if named else _places(major):
        versions = [found for name in _NAMES if (found := _version(folder / name))]
        if len(versions) < len(_NAMES):
            continue
        version = versions[0][0]
        if {number for _, number in versions} == {major}:
            return Programs(bin_dir=folder, version=version)
        others.append(f"{folder} has {version}")
    raise _refused(major, others, named)


def _places(major: int) -> Iterator[Path]:
    # Without the package there are still the system's programs.
    with suppress(Refused):
        yield tool("pg_dump").parent
    yield from (Path(folder) for folder in os.get_exec_path() if folder)
    yield from (Path(folder.format(major=major)) for folder in _USUAL)


def _version(program: Path) -> tuple[str, int] | None:
    if not os.access(program, os.X_OK):
        return None
    try:
        said = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(said)
    return (found.group(1), int(found.group(2))) if found else None


def _refused(major: int, others: list[str], named: Path | None) -> Refused:
    where = f"PGTIDE_POSTGRES_BIN names {named}, which has" if named else "This machine has"
    found = "; ".join(dict.fromkeys(others))
    instead = f": {found}" if found else ""
    return Refused(
        f"The server is PostgreSQL {major}, and a backup needs pg_dump and pg_restore of the same "
        f"major version. {where} none{instead}.",
        state="Nothing was changed.",
        remedy=f"Install the client programs of PostgreSQL {major}, or name their directory in "
        "PGTIDE_POSTGRES_BIN.",
    )
