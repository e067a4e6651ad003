"""The table's shape as pg_dump writes it, and what of pgtide's hangs on the table."""

import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

from demo.database import TABLE
from pgtide.errors import Failed
from pgtide.postgres.session import Session

# Columns, triggers, indexes and constraints are the table's; functions would show as dependencies.
_REMNANTS = """
SELECT 'trigger ' || tgname AS what FROM pg_trigger
 WHERE tgrelid = %(table)s::regclass AND tgname LIKE '%%pgtide%%'
UNION ALL
SELECT 'column ' || attname FROM pg_attribute
 WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
   AND (attname LIKE '%%pgtide%%' OR attname LIKE '%%\\_v2' OR attname = 'verified_at')
UNION ALL
SELECT 'index ' || indexrelid::regclass FROM pg_index
 WHERE indrelid = %(table)s::regclass AND indexrelid::regclass::text LIKE '%%pgtide%%'
UNION ALL
SELECT 'constraint ' || conname FROM pg_constraint
 WHERE conrelid = %(table)s::regclass AND conname LIKE '%%pgtide%%'
UNION ALL
SELECT 'function ' || p.oid::regprocedure FROM pg_proc AS p
 WHERE p.pronamespace = 'pgtide'::regnamespace AND p.proname LIKE 'm\\_%%'
 ORDER BY 1
"""


def dump(url: str, *, pg_dump: Path) -> str:
    """Return `pg_dump --schema-only -t users`, without the two lines that hold a random key."""
    where = urlsplit(url)
    said = subprocess.run(
        [pg_dump, "--schema-only", "-t", TABLE],
        # In the environment, not among the arguments, where every user could read the password.
        env={
            "PGHOST": where.hostname or "",
            "PGPORT": str(where.port),
            "PGUSER": unquote(where.username or ""),
            "PGPASSWORD": unquote(where.password or ""),
            "PGDATABASE": unquote(where.path.lstrip("/")),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if said.returncode:
        raise Failed(
            f"pg_dump ended with {said.returncode}: {said.stderr.strip()}",
            state="The database is as it was.",
            remedy="See whether the client programs of the server's version are installed.",
        )
    return without_key(said.stdout)


def without_key(text: str) -> str:
    r"""Return a dump without its \restrict and \unrestrict lines: their key is random."""
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def keep(text: str, path: Path) -> str:
    """Write a dump down, for whoever wants to compare by hand, and return it."""
    path.write_text(text, encoding="utf-8")
    return text


def remnants(session: Session) -> tuple[str, ...]:
    """Name what of pgtide's is on the table, or left of what served it."""
    return tuple(row["what"] for row in session.rows(_REMNANTS, {"table": TABLE}))
