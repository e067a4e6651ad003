"""The ledger's schema and its numbered upgrades."""

import hashlib
from datetime import timedelta
from typing import Final
from weakref import WeakSet

from pgtide.errors import Refused
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, ident, literal
from pgtide.postgres.session import Session
from pgtide.sql import queries, script

_SQL: Final = queries("ledger")
# Each file is applied once, in order, and never edited after a release.
UPGRADES: Final = (
    "ledger_001",
    "ledger_002",
    "ledger_003",
    "ledger_004",
    "ledger_005",
    "ledger_006",
    "ledger_007",
)
# What a DBA undoes with; replaced whenever the text is another.
_UNDO: Final = ("undo_run", "undo_archive", "undo_hanging", "safe_rollback")
# "pgti" and no table: only one process at a time upgrades.
_LOCK: Final = "SELECT pg_advisory_xact_lock(1886876777, 0)"
_SEEN_BY: Final[WeakSet[Session]] = WeakSet()


def installed(session: Session) -> bool:
    """Tell whether this database has a ledger; a session that has seen it does not look again."""
    if session not in _SEEN_BY:
        if not session.value(_SQL["there"]):
            return False
        _SEEN_BY.add(session)
    return True


def install(session: Session, *, log_schema: str) -> None:
    """Create the ledger or bring it up to date; safe to call at any time, by several at once."""
    with session.transaction(lock_timeout=timedelta(seconds=10)):
        session.execute(_LOCK, doing="waiting for another upgrade of the ledger")
        if not installed(session):
            _create(session)
        applied = {row["number"] for row in session.rows(_SQL["applied"])}
        _refuse_newer(applied)
        for number, name in enumerate(UPGRADES, start=1):
            if number not in applied:
                session.execute(script(name), doing=f"applying the ledger's upgrade {number}")
                session.execute(_SQL["record_upgrade"], {"number": number})
        if session.value(
            "SELECT to_regclass(%(name)s) IS NULL", {"name": f"{ident(log_schema)}.migration_log"}
        ):
            _create_log(session, log_schema)
        _refresh_undo(session, log_schema)


def log_table(log_schema: str) -> TableName:
    """Return the name of the strategy's log table."""
    return TableName(schema=log_schema, name="migration_log")


def _create(session: Session) -> None:
    # The sync triggers run with the writer's rights and look up our functions by name: USAGE shows
    # names only.
    session.execute(
        "CREATE SCHEMA IF NOT EXISTS pgtide; GRANT USAGE ON SCHEMA pgtide TO PUBLIC;"
        "CREATE TABLE pgtide.upgrade (number int PRIMARY KEY, at timestamptz NOT NULL DEFAULT "
        "clock_timestamp())",
        doing="creating the ledger",
    )


def _create_log(session: Session, log_schema: str) -> None:
    session.execute(
        script("strategy_log").replace("{log}", ident(log_schema)),
        doing=f"creating {log_table(log_schema)}",
    )


def _refresh_undo(session: Session, log_schema: str) -> None:
    """Make safe_rollback_migration anew where this pgtide's is another."""
    text = "".join(script(name) for name in _UNDO).replace("{log}", ident(log_schema))
    mark = f"pgtide {hashlib.sha256(text.encode()).hexdigest()}"
    if session.value(_SQL["undo_mark"]) != mark:
        session.execute(text, doing="creating safe_rollback_migration")
        session.execute(
            fill("COMMENT ON FUNCTION pgtide.undo(text) IS {mark}", mark=literal(mark)),
            doing="noting whose safe_rollback_migration it is",
        )


def _refuse_newer(applied: set[int]) -> None:
    if max(applied, default=0) > len(UPGRADES):
        raise Refused(
            f"The ledger was written by a newer pgtide: it has upgrade {max(applied)}, this "
            "pgtide knows "
            f"{len(UPGRADES)}.",
            state="Nothing was changed.",
            remedy="Install the newer pgtide on this machine.",
        )
