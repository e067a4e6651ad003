"""Index: one more index, built while everyone writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pgtide.changes.change import Contribution, NewColumn, Scope, refused
from pgtide.changes.replacement import PRIVATE
from pgtide.model.build import Build
from pgtide.model.expression import Answers, IndexShape, Questions
from pgtide.model.plan import Twin
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table, TableName
from pgtide.postgres.ddl import MAX_NAME_BYTES, fill, fitted, ident, literal, relation

_WHY: Final = "built after the backfill: an index on a written column ends HOT updates"


@dataclass(frozen=True, slots=True)
class Index:
    """Build an index, on the new columns where it names replaced ones.

    `on` is a column, an expression in parentheses, or a tuple of them, written with final names, as
    is `where`. Where an index of that name exists it is built under a private name, and takes its
    place at contract.
    """

    name: str
    on: str | tuple[str, ...]
    where: str | None = None
    unique: bool = False
    method: str = "btree"

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {
            "change": "Index",
            "name": self.name,
            "on": list(self._on),
            "where": self.where,
            "unique": self.unique,
            "method": self.method,
        }

    def columns(self, scope: Scope) -> tuple[NewColumn, ...]:
        """Return no column; refuse a name that PostgreSQL would cut."""
        del scope
        if len(self.name.encode()) > MAX_NAME_BYTES:
            raise refused(f"Index({self.name!r}): the name is longer than {MAX_NAME_BYTES} bytes")
        if not self._on:
            raise refused(f"Index({self.name!r}): `on` names no column")
        return ()

    def questions(self, scope: Scope) -> Questions:
        """Ask how the server writes the index."""
        return Questions(indexes=(self._shape(scope),))

    def contribute(self, scope: Scope, answers: Answers) -> Contribution:
        """Return the step that builds it."""
        name, shape = self._built_name(scope), self._shape(scope)
        rest = answers.indexes[shape]
        return Contribution(
            finalize=(
                built(
                    scope.table,
                    Build(name=name, tail=rest, unique=self.unique, why=_WHY),
                ),
            ),
            indexes=((name, rest),),
            twins=self._twins(scope, name),
            notes=(f"index {self.name}: it is built as {name} and takes that name at contract.",)
            if name != self.name
            else (),
        )

    @property
    def _on(self) -> tuple[str, ...]:
        return (self.on,) if isinstance(self.on, str) else tuple(self.on)

    def _shape(self, scope: Scope) -> IndexShape:
        replaced = tuple(column for column in scope.added if column.replaces)
        return IndexShape(
            name=self.name,
            on=tuple(self._quoted(part, scope) for part in self._on),
            where=self.where,
            unique=self.unique,
            method=self.method,
            instead=tuple((column.final, column.type) for column in scope.added),
            renamed=tuple((column.final, column.name) for column in replaced),
        )

    def _quoted(self, part: str, scope: Scope) -> str:
        # A bare column name is taken as the catalog spells it; anything else is SQL.
        names = {column.name for column in scope.table.columns} | {
            column.final for column in scope.added
        }
        return ident(part) if part in names else part

    def _twins(self, scope: Scope, built: str) -> tuple[Twin, ...]:
        if built == self.name:
            return ()
        retired = fitted(f"{PRIVATE}{scope.tag}_{scope.ordinal}_old_", self.name)
        return (Twin(kind="index", name=self.name, twin=built, retired=retired),)

    def _built_name(self, scope: Scope) -> str:
        if self.name not in scope.table.indexes:
            return self.name
        return fitted(f"{PRIVATE}{scope.tag}_{scope.ordinal}_", self.name)


def built(table: Table, build: Build) -> Step:
    """Return the step that builds an index of a table, of a partitioned one part by part."""
    if table.partitioned:
        return parted_index_step(table.name, build, each=build)
    return index_step(table.name, build)


def index_step(table: TableName, build: Build) -> Step:
    """Return the step that builds an index, and builds it again where only a carcass is there."""
    drop = fill("DROP INDEX CONCURRENTLY IF EXISTS {index}", index=ident(table.schema, build.name))
    create = _create(build, "CONCURRENTLY ", relation(table))
    found, good = there(table.schema, build.name), _good(table, build)
    return Step(
        name=f"finalize.index.{build.name}",
        phase=Phase.FINALIZE,
        transactional=False,
        statements=(
            Statement(
                sql=create,
                lock=Lock.SHARE_UPDATE_EXCLUSIVE,
                why=build.why,
                undo=drop,
                undo_inside=fill(
                    "DROP INDEX IF EXISTS {index}", index=ident(table.schema, build.name)
                ),
            ),
        ),
        present=f"SELECT EXISTS (SELECT {found} AND {good})",
        broken=f"SELECT EXISTS (SELECT {found} AND i.indexrelid IS NOT NULL AND NOT ({good}))",
        clear=drop,
        taken=taken(table.schema, build.name),
    )


def parted_index_step(table: TableName, build: Build, *, each: Build | None) -> Step:
    """Return the step that makes the index of a partitioned table, as yet without its parts.

    CREATE INDEX CONCURRENTLY does not work on such a table (trap 11). Each partition's part is
    built by itself, and attached: with the last one the index is whole. `each` is how they are.
    """
    found, there_already = there(table.schema, build.name), _alike(table, build)
    drop = fill("DROP INDEX IF EXISTS {index}", index=ident(table.schema, build.name))
    return Step(
        name=f"finalize.index.{build.name}",
        phase=Phase.FINALIZE,
        statements=(
            Statement(
                sql=_create(build, "", f"ONLY {relation(table)}"),
                lock=Lock.SHARE,
                why=f"{build.why}; its parts are built on each partition, and attached",
                undo=drop,
            ),
        ),
        present=f"SELECT EXISTS (SELECT {found} AND {there_already})",
        taken=taken(table.schema, build.name),
        each=each,
    )


def taken(schema: str, name: str) -> str:
    """Return the query that says in words what has an index's name; no row where nothing has."""
    return (
        "SELECT coalesce('an index of ' || i.indrelid::regclass, 'another relation')"
        f" || ' is called ' || c.relname {there(schema, name)}"
    )


def there(schema: str, name: str) -> str:
    """Return the FROM and WHERE that find a relation `c`, and `i` if it is an index, by name."""
    return fill(
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " LEFT JOIN pg_index i ON i.indexrelid = c.oid"
        " WHERE n.nspname = {schema} AND c.relname = {name}",
        schema=literal(schema),
        name=literal(name),
    )


def _create(build: Build, how: str, table: str) -> str:
    return fill(
        "CREATE {unique}INDEX {how}{name} ON {table} {tail}{tablespace}{where}",
        unique="UNIQUE " if build.unique else "",
        how=how,
        name=ident(build.name),
        table=table,
        tail=build.tail,
        tablespace=f" TABLESPACE {build.tablespace}" if build.tablespace else "",
        where=build.where,
    )


def _good(table: TableName, build: Build) -> str:
    # pg_index.indisvalid and the definition decide; IF NOT EXISTS would call an invalid carcass a
    # success (trap 8).
    return f"i.indisvalid AND {_alike(table, build)}"


def _alike(table: TableName, build: Build) -> str:
    # UNIQUE stands before the table's name, so it is asked for by itself.
    rest = build.tail + build.where
    return fill(
        "i.indisunique = {unique} AND i.indrelid = {table}::regclass"
        " AND right(pg_get_indexdef(c.oid), {length}) = {rest}",
        unique=str(build.unique).lower(),
        table=literal(relation(table)),
        length=str(len(rest)),
        rest=literal(rest),
    )
