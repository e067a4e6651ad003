"""The table's shape as pg_dump writes it, and what of pgtide's hangs on the table."""

import subprocess
from pathlib import Path

from demo.client import client_environment
from demo.database import TABLE
from pgtide.errors import Failed
from pgtide.postgres.session import Session

# Columns, triggers, indexes and constraints are the table's; functions and sequences serve it.
_REMNANTS = """
SELECT 'trigger ' || tgname AS what FROM pg_trigger
 WHERE tgrelid = %(table)s::regclass AND tgname LIKE '%%pgtide%%'
UNION ALL
SELECT 'column ' || attname FROM pg_attribute
 WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
   AND (attname LIKE '%%pgtide%%' OR attname LIKE '%%\\_v2')
UNION ALL
SELECT 'index ' || indexrelid::regclass FROM pg_index
 WHERE indrelid = %(table)s::regclass AND indexrelid::regclass::text LIKE '%%pgtide%%'
UNION ALL
SELECT 'constraint ' || conname FROM pg_constraint
 WHERE conrelid = %(table)s::regclass AND conname LIKE '%%pgtide%%'
UNION ALL
SELECT 'function ' || p.oid::regprocedure FROM pg_proc AS p
 WHERE p.pronamespace = 'pgtide'::regnamespace AND p.proname LIKE 'm\\_%%'
UNION ALL
SELECT 'sequence ' || c.oid::regclass FROM pg_class AS c
 WHERE c.relnamespace = 'pgtide'::regnamespace AND c.relkind = 'S' AND c.relname LIKE 'm\\_%%'
 ORDER BY 1
"""

# The table as its users see it: no order of columns, no numbers, no files.
_DEFINITION = """
SELECT concat_ws(' ', 'column', attname, format_type(atttypid, atttypmod),
                 CASE WHEN attnotnull THEN 'NOT NULL' END,
                 'DEFAULT ' || pg_get_expr(adbin, adrelid)) AS what
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid = %(table)s::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %(table)s::regclass
UNION ALL
SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid)) FROM pg_constraint
 WHERE conrelid = %(table)s::regclass
UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger
 WHERE tgrelid = %(table)s::regclass AND NOT tgisinternal
 ORDER BY 1
"""


def dump(url: str, *, pg_dump: Path) -> str:
    """Return `pg_dump --schema-only -t users`, without the two lines that hold a random key."""
    said = subprocess.run(
        [pg_dump, "--schema-only", "-t", TABLE],
        env=client_environment(url),
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


def definition(session: Session) -> frozenset[str]:
    """Return the table's columns, indexes, constraints and triggers, each as one line."""
    return frozenset(row["what"] for row in session.rows(_DEFINITION, {"table": TABLE}))


def remnants(session: Session) -> tuple[str, ...]:
    """Name what of pgtide's is on the table, or left of what served it."""
    return tuple(row["what"] for row in session.rows(_REMNANTS, {"table": TABLE}))
