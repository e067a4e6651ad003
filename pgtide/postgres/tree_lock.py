"""Lock a partitioned table with all of its partitions, within one wait for all of them.

The server's lock_timeout counts each lock by itself (trap 3): a table of a hundred partitions could
keep its application waiting a hundred times as long, since the first lock keeps everybody out.
"""

from typing import Final

from pgtide.errors import StatementFailed
from pgtide.model.table import TableName
from pgtide.postgres.ddl import fill, relation
from pgtide.postgres.faults import STATEMENT_TIMEOUT, Transient
from pgtide.postgres.session import Session

LOCKING: Final = "LOCK TABLE "
_NOT_AVAILABLE: Final = "55P03"
_SETTING: Final = "SELECT current_setting(%(name)s)"


def lock_tree(session: Session, table: TableName) -> None:
    """Keep everybody off a table and its partitions to the end of the transaction."""
    text = fill("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", table=relation(table))
    execute_lock(session, text, doing="locking the table and its partitions")


def execute_lock(session: Session, text: str, *, doing: str) -> None:
    """Execute a LOCK TABLE that may wait for one lock_timeout in all; raises Transient."""
    wait, limit = (
        str(session.value(_SETTING, {"name": name}))
        for name in ("lock_timeout", "statement_timeout")
    )
    session.configure({"statement_timeout": wait}, local=True)
    try:
        session.execute(text, doing=doing)
    except StatementFailed as error:
        if error.sqlstate != STATEMENT_TIMEOUT:
            raise
        raise Transient(
            error.what, state=error.state, remedy=error.remedy, sqlstate=_NOT_AVAILABLE
        ) from error
    session.configure({"statement_timeout": limit}, local=True)
