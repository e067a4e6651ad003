"""What pgtide needs of a server, a role and a table, checked before anything has changed."""

from typing import Final

from pgtide.errors import Refused
from pgtide.model.plan import Plan
from pgtide.model.table import Table, TableName
from pgtide.postgres.catalog import Relation, read_name, read_relation, read_table
from pgtide.postgres.ddl import ident
from pgtide.postgres.session import Session
from pgtide.settings import Settings
from pgtide.sql import queries

_SQL: Final = queries("preflight")
_PARTS: Final = queries("partitions")
# TID range scans, SQL-body functions and CREATE OR REPLACE TRIGGER came with 14.
OLDEST: Final = 140000

_KINDS: Final = {
    "v": "a view",
    "m": "a materialized view",
    "f": "a foreign table",
    "i": "an index",
    "I": "an index",
    "S": "a sequence",
    "c": "a type",
}


def refuse_target(session: Session, settings: Settings) -> None:
    """Raise Refused where this server or this role cannot carry a migration."""
    refuse_version(session.version)
    found = session.row(_SQL["target"]) or {}
    if found["replica"]:
        raise refused(
            "This server is a replica: it takes no writes", "Name the primary in DATABASE_URL."
        )
    if not found["may_create"] or not found["may_write_ledger"]:
        raise refused(
            f"The role {found['role']} may not create objects in the database {found['database']}",
            f"GRANT CREATE ON DATABASE {ident(found['database'])} TO {ident(found['role'])}, or "
            "use the owner's role.",
        )
    if not found["may_make_temporary"]:
        raise refused(
            f"The role {found['role']} may not make temporary tables, which expressions are "
            "tried on",
            f"GRANT TEMPORARY ON DATABASE {ident(found['database'])} TO {ident(found['role'])}.",
        )
    schema = settings.log_schema
    if not session.value(_SQL["log_schema"], {"schema": schema, "quoted": ident(schema)}):
        raise refused(
            f"PGTIDE_LOG_SCHEMA names {schema}, which does not exist", "Create it, or name another."
        )


def refuse_version(version: int) -> None:
    """Raise Refused for a server that is too old.

    The version as libpq gives it, 150018 for 15.18.
    """
    if version < OLDEST:
        raise refused(
            f"This server is PostgreSQL {version // 10000}; pgtide needs 14 or later",
            "Upgrade the server first.",
        )


def target_table(session: Session, name: TableName) -> Table:
    """Return the table as it is now; raises Refused where it is none that pgtide can change."""
    relation = read_relation(session, name)
    if relation is None:
        similar = ", ".join(
            row["name"] for row in session.rows(_SQL["similar"], {"name": name.name})
        )
        hint = f"There is {similar}. " if similar else ""
        raise refused(
            f"There is no table {name}",
            f"{hint}Write the name as the catalog spells it, as schema.table.",
        )
    _refuse_kind(session, name, relation)
    _refuse_role(session, name, relation)
    table = read_table(session, name, relation.oid)
    if (
        relation.published
        and relation.kind == "r"
        and relation.replica_identity in {"d", "n"}
        and not (relation.replica_identity == "d" and relation.has_primary_key)
    ):
        raise refused(
            f"{name} is published but has no replica identity: every UPDATE of the backfill "
            "would fail",
            "Give it a primary key, or ALTER TABLE ... REPLICA IDENTITY.",
        )
    return table


def refuse_schema(session: Session, name: TableName) -> None:
    """Raise Refused where this role may not create an index beside the table."""
    found = session.row(_SQL["schema"], {"schema": name.schema}) or {}
    if not found["may_create"]:
        schema, role = ident(name.schema), ident(found["role"])
        raise refused(
            f"The role {found['role']} may not create an index in the schema {name.schema}",
            f"GRANT CREATE ON SCHEMA {schema} TO {role}.",
        )


def refuse_moved(session: Session, plan: Plan, *, undoing: bool = False) -> None:
    """Raise Refused where the name that a plan was made for is not that table's any more.

    A dropped table keeps nobody from undoing.
    """
    name = read_name(session, plan.table_oid)
    if name == plan.table or (undoing and name is None):
        return
    if name is None:
        what, remedy = f"{plan.table} was dropped", "Run `pgtide down` to end its migration."
    else:
        what = f"{plan.table} is called {name} now"
        remedy = "Give it its old name back, then run the command again."
    raise Refused(f"{what}.", state="Nothing was changed by this command.", remedy=remedy)


def refused(what: str, remedy: str) -> Refused:
    """Return a refusal."""
    return Refused(f"{what}.", state="Nothing was changed.", remedy=remedy)


def _refuse_kind(session: Session, name: TableName, relation: Relation) -> None:
    if relation.leaf:
        root = session.value(_PARTS["root"], {"oid": relation.oid})
        raise refused(
            f"{name} is a partition of {root}: its columns come and go with those of that table",
            f"Name {root}: all of its partitions are changed together.",
        )
    if relation.kind not in {"r", "p"}:
        kind = _KINDS.get(relation.kind, "no table")
        raise refused(
            f"{name} is {kind}; pgtide changes ordinary tables", "Name the table behind it."
        )
    if relation.inherits or (relation.has_children and relation.kind == "r"):
        raise refused(f"{name} is part of an inheritance", "Name an ordinary table.")
    if relation.persistence != "p":
        kind = "unlogged" if relation.persistence == "u" else "temporary"
        raise refused(
            f"{name} is {kind}: a crash or failover empties it, and the ledger would not know",
            f"ALTER TABLE {ident(name.schema, name.name)} SET LOGGED first.",
        )


def _refuse_role(session: Session, name: TableName, relation: Relation) -> None:
    found = session.row(_SQL["target"]) or {}
    if not relation.owned:
        raise refused(
            f"The role {found['role']} does not own {name}, and only its owner may alter a table",
            f"Connect as {relation.owner}, or GRANT {ident(relation.owner)} TO "
            f"{ident(found['role'])}.",
        )
    if relation.rls and relation.rls_forced and not found["sees_all_rows"]:
        raise refused(
            f"Row level security hides rows of {name} from {found['role']}: it would migrate a "
            "part and call it all",
            f"Connect as a role with BYPASSRLS, or ALTER TABLE {ident(name.schema, name.name)} "
            "NO FORCE ROW LEVEL"
            " SECURITY.",
        )
