"""A table of every kind of value that a backup must bring back, and ways to look at backups."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql

from pgtide import AddColumn, Migration
from pgtide.events import Listener, silence
from pgtide.ledger.backups import BackupRecord
from pgtide.ledger.run import Caller
from pgtide.model.state import Phase
from pgtide.operate.restore import Restored, restore
from pgtide.phases.backup import backup
from pgtide.postgres.ddl import ident
from pgtide.postgres.embedded import tool
from pgtide.settings import Settings
from tests.driving import ACTOR, migrate, record_of, settings_for
from tests.small_table import run

ODD_ID = "20260102_000000_odd"
# Names that pg_dump's patterns, the shell and SQL could each take for something else.
ODD_SCHEMA, ODD_NAME = 'a "b" schema', 'it\'s "odd" *.? $1 %s'
ROWS = 300

_ODD = """
CREATE SCHEMA {schema};
CREATE TYPE {schema}.mood AS ENUM ('sad', 'it''s "ok"', 'glad');
CREATE TABLE {table} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    r text, t text, mood {schema}.mood, moods {schema}.mood[], numbers int[][], raw bytea,
    at timestamptz, span interval, day date, money money, ratio float8, exact numeric, doc jsonb,
    doubled bigint GENERATED ALWAYS AS (length(t) * 2) STORED
);
INSERT INTO {table} (r, t, mood, moods, numbers, raw, at, span, day, money, ratio, exact, doc)
SELECT nullif('r' || g, 'r7'), E'tab\\t, "quote" \\\\ line\\nend ' || g,
       (enum_range(NULL::{schema}.mood))[1 + g % 3],
       CASE WHEN g % 4 > 0 THEN ARRAY['sad', NULL, 'glad']::{schema}.mood[] END,
       ARRAY[[g, 1], [NULL, 2]],
       sha256(g::text::bytea), timestamptz '2026-03-29 00:30+00' + g * interval '1 hour',
       g * interval '1 month 1 day', date '2026-01-31' + g, g::money, 1 / (g + 0.3), g / 7::numeric,
       jsonb_build_object('g', g, 'none', NULL)
  FROM generate_series(1, {rows}) AS g;
ALTER TABLE {table} DROP COLUMN day;
"""


def odd_migration() -> Migration:
    """Return a migration of the table with the odd name, and its odd version."""
    return Migration(
        id=ODD_ID,
        version="1.2.0",
        description="an odd table",
        table=ident(ODD_SCHEMA, ODD_NAME),
        changes=[AddColumn("extra", type="text", backfill="r")],
        contract_release="1.3.0",
    )


def create_odd(url: str, *, rows: int = ROWS) -> None:
    """Create and fill the table with the odd name."""
    run(
        url,
        _ODD.format(schema=ident(ODD_SCHEMA), table=ident(ODD_SCHEMA, ODD_NAME), rows=rows),
    )


def begun(url: str, migration: Migration) -> str:
    """Let a migration begin, and return its id."""
    return migrate(url, migration, until=Phase.EXPAND).id


def begun_odd(url: str, folder: Path) -> Settings:
    """Create the table with the odd name, begin its migration, and settle where backups go."""
    create_odd(url)
    begun(url, odd_migration())
    return backing_up(url, folder)


def backing_up(url: str, folder: Path) -> Settings:
    """Return settings with a directory of the test's own for backups."""
    return replace(settings_for(url), backups_dir=folder / "backups")


def take(settings: Settings, migration_id: str, *, emit: Listener = silence) -> BackupRecord:
    """Take a backup as the command does."""
    caller = Caller(actor=ACTOR, emit=emit)
    return backup(settings, caller, record_of(settings.url, migration_id))


def states(url: str) -> list[tuple[str, str | None]]:
    """Return state and error of every backup in the ledger, oldest first."""
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT state, error FROM pgtide.backup ORDER BY id").fetchall()


def scratch_databases(url: str) -> list[str]:
    """Name the scratch databases on a server."""
    with psycopg.connect(url) as connection:
        query = "SELECT datname FROM pg_database WHERE datname LIKE 'pgtide_scratch%'"
        return [name for (name,) in connection.execute(query)]


def altered_programs(folder: Path, **scripts: str) -> Path:
    """Return a directory of client programs, some of them replaced by a shell script.

    In a script `$REAL` is the real program.
    """
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        real = shlex.quote(str(tool(name)))
        text = scripts.get(name, 'exec "$REAL" "$@"')
        program = folder / name
        version = 'case "$1" in --version) exec "$REAL" "$@";; esac'
        program.write_text(f"#!/bin/sh\nREAL={real}\n{version}\n{text}\n", encoding="utf-8")
        program.chmod(0o755)
    return folder


@contextmanager
def empty_database(url: str, name: str) -> Iterator[str]:
    """Create a database on the same server; yield its name and drop it afterwards."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and that still run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def flip(path: Path) -> None:
    """Change one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0x01
    path.write_bytes(raw)


def truncate(path: Path) -> None:
    """Cut a file in half."""
    os.truncate(path, path.stat().st_size // 2)


def brought_back(settings: Settings, into: str) -> Restored:
    """Restore the newest backup of the odd table."""
    return restore(settings, Caller(actor=ACTOR), record_of(settings.url, ODD_ID), into=into)
