"""Tables of a local Prefect server: made by the first one on this machine, copied by the others.

Prefect's migrations take seven of the ten seconds that a server's first start needs. Kept are the
tables as they are before anybody has used them: block types, and no run, no key and no secret. They
lie beside the packages that they belong to, so who may write there is who installed these.
"""

import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing, suppress
from importlib import metadata
from pathlib import Path
from typing import Final

# As Prefect calls it.
DATABASE: Final = "prefect.db"


def kept() -> Path:
    """Return where the tables of the installed version are kept."""
    return Path(sys.prefix) / "share" / "pgtide" / f"prefect-{metadata.version('prefect')}.db"


def lay_down(directory: Path, source: Path) -> bool:
    """Give a server its tables where it has none and they are kept; tell whether it has now."""
    if (directory / DATABASE).exists() or not _whole(source):
        return False
    part = directory / f"{DATABASE}.part"
    try:
        shutil.copyfile(source, part)
        # Whoever is killed before leaves no half of a database for the next start.
        part.replace(directory / DATABASE)
    except OSError:
        part.unlink(missing_ok=True)
        return False
    return True


def keep(directory: Path, place: Path) -> None:
    """Keep the tables of a server that nobody has used yet; where that cannot be, nothing is.

    The server may be at work: SQLite's own copy is one moment of it.
    """
    with suppress(OSError, sqlite3.Error):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix="new-") as workshop:
            fresh = Path(workshop) / DATABASE
            with (
                closing(_read_only(directory / DATABASE)) as used,
                closing(sqlite3.connect(fresh)) as copy,
            ):
                used.backup(copy)
                # Else nobody could read it who may not write beside it.
                copy.execute("PRAGMA journal_mode = DELETE")
            fresh.chmod(0o644)
            # It is whole or it is not there, whoever else keeps one now.
            fresh.replace(place)


def _whole(source: Path) -> bool:
    try:
        with closing(_read_only(source)) as found:
            [(stamped,)] = found.execute("SELECT count(*) FROM alembic_version").fetchall()
            [(state,)] = found.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error:
        return False
    return bool(stamped) and state == "ok"


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
