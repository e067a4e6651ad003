"""What a table has become: its catalog, its rows, what the ledger says of it, to compare."""

import subprocess
from dataclasses import dataclass, fields

import psycopg

from pgtide.postgres.embedded import tool

_CATALOG = """
SELECT format('column %s %s notnull=%s default=%s', a.attname, format_type(a.atttypid, a.atttypmod),
              a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid = 'public.users'::regclass AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('index valid=%s ready=%s %s', indisvalid, indisready, pg_get_indexdef(indexrelid))
  FROM pg_index WHERE indrelid = 'public.users'::regclass
UNION ALL
SELECT format('trigger enabled=%s %s', tgenabled, pg_get_triggerdef(oid))
  FROM pg_trigger WHERE tgrelid = 'public.users'::regclass
UNION ALL
SELECT format('constraint valid=%s %s %s', convalidated, conname, pg_get_constraintdef(oid))
  FROM pg_constraint WHERE conrelid = 'public.users'::regclass
UNION ALL
SELECT format('function %s', pg_get_functiondef(oid))
  FROM pg_proc WHERE pronamespace = to_regnamespace('pgtide')
UNION ALL
SELECT format('relation %s %s', relkind, relname)
  FROM pg_class WHERE relnamespace = to_regnamespace('pgtide')
"""
_ROWS = "SELECT count(*) || ' ' || md5(string_agg(md5(t::text), '' ORDER BY id)) FROM {table} AS t"
_OLD = "(SELECT id, email, email_verified, verification_token, name, created_at, updated_at"
_LEDGER = """
SELECT format('state %s resume_to=%s error=%s', state, resume_to, last_error) FROM pgtide.migration
UNION ALL SELECT format('step %s %s', name, state) FROM pgtide.step
UNION ALL SELECT format('phase %s %s', phase, state) FROM pgtide.phase
UNION ALL SELECT format('open slice %s', id) FROM pgtide.slice WHERE state = 'open'
UNION ALL SELECT format('filled %s', sum(rows)) FROM pgtide.slice WHERE kind <> 'archive'
UNION ALL SELECT format('log %s %s', status, rollback_available) FROM pgtide.migration_log
"""
_ARCHIVE = """
SELECT concat(count(*), ' ', md5(string_agg(key::text || "values"::text, '' ORDER BY key)))
  FROM pgtide.archive
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """Everything about the table that must not depend on how often its migration was killed."""

    catalog: tuple[str, ...]
    rows: str
    old_rows: str
    archive: str
    ledger: tuple[str, ...]

    def differences(self, other: "TableState") -> list[str]:
        """Name what the other state has differently."""
        found = []
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            if isinstance(mine, tuple):
                found += [f"{field.name}: missing {line}" for line in mine if line not in theirs]
                found += [f"{field.name}: unexpected {line}" for line in theirs if line not in mine]
            elif mine != theirs:
                found.append(f"{field.name}: {theirs} instead of {mine}")
        return found


def table_state(url: str) -> TableState:
    """Read the state of public.users and of its migration."""
    with psycopg.connect(url, autocommit=True) as connection:

        def lines(query: str) -> tuple[str, ...]:
            return tuple(sorted(row[0] for row in connection.execute(query.encode())))

        return TableState(
            catalog=lines(_CATALOG),
            rows=lines(_ROWS.format(table="public.users"))[0],
            old_rows=old_rows(connection),
            archive=lines(_ARCHIVE)[0],
            ledger=lines(_LEDGER),
        )


def old_rows(connection: psycopg.Connection[tuple[str, ...]]) -> str:
    """Return count and hash of the rows as a release that knows the old columns only sees them."""
    query = _ROWS.format(table=f"{_OLD} FROM public.users)")
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return found[0]


def schema_dump(url: str) -> str:
    """Return pg_dump's text of public.users, without the random key that newer versions write."""
    command = [str(tool("pg_dump")), "--schema-only", "-t", "public.users", url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    random = ("\\restrict", "\\unrestrict")
    return "\n".join(line for line in text.splitlines() if not line.startswith(random))
