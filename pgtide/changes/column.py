"""What every new column needs.

Its clause in ALTER TABLE, and the grants of the column it stands for.
"""

from pgtide.changes.change import refused
from pgtide.model.expression import TypeFacts
from pgtide.model.statement import Lock, Statement
from pgtide.model.table import Column, Table, TableName
from pgtide.postgres.ddl import fill, ident, listed, literal, relation


def add_clause(name: str, facts: TypeFacts, collation: str | None = None) -> str:
    """Return the ADD COLUMN clause.

    Nullable and without default, so that no row is touched (trap 17). Raises InvalidMigration for
    a type that would rewrite the table all the same.
    """
    if facts.rewrites:
        raise refused(
            f"column {name}: PostgreSQL rewrites the whole table, locked for all, to add a column "
            f"of type {facts.name}, a domain with constraints; use the type behind it"
        )
    collate = f" COLLATE {collation}" if collation and facts.collatable else ""
    return fill(
        "ADD COLUMN IF NOT EXISTS {name} {type}", name=ident(name), type=facts.name + collate
    )


def archivable(value: str, facts: TypeFacts) -> str:
    """Return a value as jsonb can hold it: json may hold what jsonb refuses, such as a NUL."""
    return f"{value}::text" if facts.name == "json" else value


def column_grants(table: TableName, old: Column, new: str) -> tuple[Statement, ...]:
    """Return the statements that give the new column the old one's privileges (trap 24)."""
    return tuple(
        Statement(
            sql=fill(
                "GRANT {privilege} ({new}) ON {table} TO {grantee}{option}",
                privilege=grant.privilege,
                new=ident(new),
                table=relation(table),
                grantee=ident(grant.grantee) if grant.grantee else "PUBLIC",
                option=" WITH GRANT OPTION" if grant.grantable else "",
            ),
            # Newer servers look the table up under it, older ones under none.
            lock=Lock.ACCESS_SHARE,
            why=f"who may use {old.name} may use {new}",
        )
        for grant in old.grants
    )


def columns_there(table: Table, columns: tuple[tuple[str, str], ...]) -> str:
    """Return the query that tells whether a table has all these columns."""
    return fill(
        "SELECT count(*) = {count} FROM pg_attribute WHERE attrelid = {oid} AND NOT attisdropped "
        "AND attname IN ({names})",
        count=str(len(columns)),
        oid=str(table.oid),
        names=listed([literal(name) for name, _ in columns]),
    )


def columns_taken(table: Table, columns: tuple[tuple[str, str], ...]) -> str:
    """Return the query that says which of these names a table has already."""
    return fill(
        "SELECT 'the table has a column ' || string_agg(attname, ', ') FROM pg_attribute"
        " WHERE attrelid = {oid} AND NOT attisdropped AND attname IN ({names})",
        oid=str(table.oid),
        names=listed([literal(name) for name, _ in columns]),
    )
