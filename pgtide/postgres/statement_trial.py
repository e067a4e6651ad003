"""Try an ALTER TABLE on an empty copy of its table, and hear from the server what it would do.

At DEBUG1 the server says "rewriting table", "verifying table" and "building index", also of an
empty table: no list of harmless type changes and defaults has to be kept here.
"""

from typing import Final

import psycopg
from postgast import deparse, parse

from pgtide.model.expression import Cost
from pgtide.postgres.catalog import read_unvalidated_checks
from pgtide.postgres.ddl import fill, ident, literal
from pgtide.postgres.faults import translate, troubled
from pgtide.postgres.session import Session
from pgtide.postgres.statement_lock import Node

_COPY: Final = "pgtide_trial"
_FILE: Final = f"SELECT pg_relation_filenode('pg_temp.{_COPY}'::regclass)"
_REWRITES: Final = f'rewriting table "{_COPY}"'
_READS: Final = (f'verifying table "{_COPY}"', "building index ")


def tried(session: Session, path: str, text: str, *, after: tuple[str, ...] = ()) -> Cost | None:
    """Return what a statement costs once others have run, or None where the copy refuses one.

    Everything is rolled back; of the table itself only the definition is read. Those before must
    be about the same table or about none, since they are not kept from any other.
    """
    try:
        with session.rolled_back():
            session.configure({"search_path": path, "client_min_messages": "debug1"}, local=True)
            _copy(session, _altered(parse(text)))
            for one in after:
                session.single(_redirected(one, like=text))
            before = session.value(_FILE)
            found = _heard(session.overheard(_redirected(text, like=text)))
            # The file's number is proof, whatever the messages of a later version say.
            return found if session.value(_FILE) == before else Cost.REWRITES
    except psycopg.Error as error:
        if troubled(error):
            raise translate(error, "trying a declared statement on an empty copy") from error
        return None


def _copy(session: Session, relation: Node) -> None:
    name = ident(*filter(None, (relation.schemaname, relation.relname)))
    # psycopg's own errors, not translated: a table that a step before makes is not there yet.
    session.single(
        fill("CREATE TEMP TABLE {copy} (LIKE {name} INCLUDING ALL)", copy=ident(_COPY), name=name)
    )
    oid = session.value(fill("SELECT {name}::regclass::oid::bigint", name=literal(name)))
    # LIKE takes all as validated, and would prove by it what the rows may break.
    for constraint, expression in read_unvalidated_checks(session, oid):
        table, name = ident("pg_temp", _COPY), ident(constraint)
        session.single(fill("ALTER TABLE {t} DROP CONSTRAINT {name}", t=table, name=name))
        session.single(
            fill(
                "ALTER TABLE {t} ADD CONSTRAINT {name} CHECK ({test}) NOT VALID",
                t=table,
                name=name,
                test=expression,
            )
        )


def _altered(tree: Node) -> Node:
    return tree.stmts[0].stmt.alter_table_stmt.relation


def _redirected(text: str, *, like: str) -> str:
    """Let a statement about the same table as another alter the copy instead."""
    tree, other = parse(text), _altered(parse(like))
    if tree.stmts[0].stmt.HasField("alter_table_stmt"):
        relation = _altered(tree)
        if same(relation, other):
            relation.schemaname, relation.relname = "pg_temp", _COPY
    return str(deparse(tree))


def same(one: Node, other: Node) -> bool:
    """Tell whether two names mean one table; without a schema it is the migration's."""
    schemas = {one.schemaname, other.schemaname} - {""}
    return bool(one.relname == other.relname and len(schemas) <= 1)


def _heard(said: tuple[str, ...]) -> Cost:
    if any(line.startswith(_REWRITES) for line in said):
        return Cost.REWRITES
    # The copy's TOAST table and its index come with the first wide column.
    lines = [line for line in said if "pg_toast" not in line]
    return Cost.READS if any(line.startswith(_READS) for line in lines) else Cost.NONE
