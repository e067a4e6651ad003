"""What pgtide cannot do to a partitioned table, refused by name before anything has changed."""

from collections.abc import Iterator, Sequence
from typing import Final

from pgtide.model.table import Table, TableName
from pgtide.phases.target import refused
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("partitions")
_SHOWN: Final = 5


def refuse_parts(session: Session, table: Table) -> None:
    """Raise Refused where a partition is none that rows can be filled in, or is not ours."""
    found = session.row(queries("preflight")["target"]) or {}
    for row in session.rows(_SQL["parts"], {"oid": table.oid}):
        name = TableName(schema=row["schema"], name=row["name"])
        quoted = ident(name.schema, name.name)
        if row["kind"] not in {"r", "p"}:
            raise refused(
                f"The partition {name} of {table.name} is a foreign table: its rows are elsewhere, "
                "and none of them could be checked",
                f"ALTER TABLE ... DETACH PARTITION {quoted} first, and attach it again afterwards.",
            )
        if row["persistence"] != "p":
            raise refused(
                f"The partition {name} of {table.name} is unlogged: a crash or failover empties "
                "it, and the ledger would not know",
                f"ALTER TABLE {quoted} SET LOGGED first.",
            )
        if not row["owned"]:
            raise refused(
                f"The role {found['role']} does not own {name}, a partition of {table.name}, and "
                "only its owner may alter a table",
                f"Connect as {row['owner']}, or GRANT {ident(row['owner'])} TO "
                f"{ident(found['role'])}.",
            )
        if row["rls_forced"] and not found["sees_all_rows"]:
            raise refused(
                f"Row level security hides rows of the partition {name} from {found['role']}",
                f"Connect as a role with BYPASSRLS, or ALTER TABLE {quoted} NO FORCE ROW LEVEL "
                "SECURITY.",
            )
        if row["kind"] == "r" and row["unidentified"]:
            raise refused(
                f"The partition {name} of {table.name} is published but has no replica identity: "
                "every UPDATE of the backfill would fail",
                "Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY.",
            )


def refuse_replaced(session: Session, table: Table, replaced: Sequence[str]) -> None:
    """Raise Refused where a column cannot be replaced because its table is partitioned."""
    where = {"oid": table.oid, "columns": list(replaced)}
    keys = {row["name"] for row in session.rows(_SQL["key_columns"], {"oid": table.oid})}
    bound = [name for name in replaced if name in keys]
    if bound:
        raise refused(
            f"{', '.join(bound)} of {table.name} decides which partition a row is in, and the "
            "server lets no such column go",
            "Leave it out, or move the rows to a table that is partitioned by the new column.",
        )
    found = _words(session, "bound_constraints", where)
    if found:
        raise refused(
            f"On a partitioned table pgtide cannot redo {found}: the server adds no such "
            "constraint without a long lock",
            "Drop it before the migration and make it again afterwards, or leave the column out.",
        )


def _words(session: Session, query: str, where: dict[str, object]) -> str:
    found = [str(row["words"]) for row in session.rows(_SQL[query], where)]
    return "; ".join(_shortened(found))


def _shortened(found: list[str]) -> Iterator[str]:
    yield from found[:_SHOWN]
    if len(found) > _SHOWN:
        yield f"{len(found) - _SHOWN} more"
