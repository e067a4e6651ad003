"""Compose one plan of a migration's changes: a pure function of declaration, table and answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pgtide.changes import sync_trigger, watch_trigger
from pgtide.changes.change import Change, Contribution, Impossible, NewColumn, Scope, refused
from pgtide.changes.column import columns_taken, columns_there
from pgtide.changes.function import public
from pgtide.changes.misfit import misfits
from pgtide.changes.release import narrowing
from pgtide.changes.replacement import PRIVATE, replacements
from pgtide.changes.sql import with_declared
from pgtide.changes.sync import Added, Pair
from pgtide.changes.turned import turned
from pgtide.changes.twin import with_twins
from pgtide.model.expression import Answers, Questions
from pgtide.model.migration import Migration
from pgtide.model.original import Originals
from pgtide.model.plan import ArchiveSql, BackfillSql, Expected, Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import Table
from pgtide.postgres.ddl import MAX_NAME_BYTES, fill, ident, listed, literal, relation


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A migration's changes, each with its scope: what is known before the server is asked."""

    migration: Migration
    table: Table
    scopes: tuple[tuple[Change, Scope], ...]

    @property
    def scope(self) -> Scope:
        """Return what all of them may look at: the table, and the columns that they add."""
        return self.scopes[0][1]

    @property
    def questions(self) -> Questions:
        """Return what all changes ask, once each."""
        asked = [change.questions(scope) for change, scope in self.scopes]
        return Questions(
            types=tuple(dict.fromkeys(kind for one in asked for kind in one.types)),
            expressions=tuple(dict.fromkeys(text for one in asked for text in one.expressions)),
            indexes=tuple(dict.fromkeys(index for one in asked for index in one.indexes)),
            statements=tuple(dict.fromkeys(text for one in asked for text in one.statements)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A plan, and the rows to look for before it starts."""

    plan: Plan
    impossible: tuple[Impossible, ...]


def draft(migration: Migration, changes: Sequence[Change], table: Table) -> Draft:
    """Fit the changes to the table; raises InvalidMigration where one does not."""
    bare = [
        Scope(table=table, migration_id=migration.id, tag=migration.tag, ordinal=i)
        for i in range(len(changes))
    ]
    added = tuple(
        column
        for change, scope in zip(changes, bare, strict=True)
        for column in change.columns(scope)
    )
    _refuse_twice(added)
    _refuse_long(added)
    _refuse_unknown(migration, added)
    counted = migration.dual_write == "application"
    scopes = tuple(
        (change, replace(scope, added=added, counted=counted))
        for change, scope in zip(changes, bare, strict=True)
    )
    return Draft(migration=migration, table=table, scopes=scopes)


def compose(sketch: Draft, answers: Answers, originals: Originals) -> Composed:
    """Return the plan; raises InvalidMigration where a change does not hold with the answers.

    `originals` is what the replaced columns have.
    """
    scope, parts = sketch.scope, [one.contribute(own, answers) for one, own in sketch.scopes]
    pieces = _pieces(parts)
    columns = tuple(column for part in parts for column in part.columns)
    finalize = tuple(step for part in parts for step in part.finalize)
    migration, table = sketch.migration, scope.table
    plan = Plan(
        migration_id=migration.id,
        version=migration.version,
        tag=migration.tag,
        table=table.name,
        table_oid=table.oid,
        key=table.key,
        expand=_expand(scope, parts, pieces, columns, migration_id=migration.id),
        finalize=(*finalize, _analyze(table)) if finalize or columns else (),
        sync=sync_trigger.names(migration.tag) if pieces else None,
        backfill=_backfill(parts, pieces),
        comparisons=tuple(part.comparison for part in parts if part.comparison),
        archive=_archive(table, parts),
        expected=Expected(
            columns=columns, indexes=tuple(index for part in parts for index in part.indexes)
        ),
        terms=migration.terms,
        filling=migration.backfill,
        partitioned=table.partitioned,
        replacements=replacements(scope, pieces),
        twins=tuple(twin for part in parts for twin in part.twins),
        turned=turned(scope, pieces, release=migration.on_unrepresentable == "release"),
        releases=_releases(migration, scope.added, pieces),
        notes=(*_warnings(scope.added), *(note for part in parts for note in part.notes)),
    )
    plan = replace(plan, notes=(*plan.notes, *narrowing(plan, table)))
    return Composed(
        plan=with_twins(with_declared(plan, parts, migration.verify), scope, originals),
        impossible=_impossible(plan, parts, originals),
    )


def _pieces(parts: Sequence[Contribution]) -> list[Pair | Added]:
    pieces = [part.sync for part in parts if part.sync]
    return [one for one in pieces if one.in_step("t") or one.moved_sources() or _writes(one)]


def _impossible(
    plan: Plan, parts: Sequence[Contribution], originals: Originals
) -> tuple[Impossible, ...]:
    fresh = [column for part in parts for column in part.fresh]
    own = (one for part in parts for one in part.impossible)
    return (*own, *misfits(plan, originals, fresh))


def _refuse_twice(added: tuple[NewColumn, ...]) -> None:
    for names in ([column.name for column in added], [column.final for column in added]):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise refused(f"two changes are about the same column: {', '.join(twice)}")


def _refuse_long(added: tuple[NewColumn, ...]) -> None:
    # PostgreSQL would cut the name and say nothing (trap 95).
    long = [column.name for column in added if len(column.name.encode()) > MAX_NAME_BYTES]
    if long:
        raise refused(f"a column's name is longer than {MAX_NAME_BYTES} bytes: {', '.join(long)}")


def _refuse_unknown(migration: Migration, added: tuple[NewColumn, ...]) -> None:
    private = [str(column.replaces) for column in added if column.name.startswith(PRIVATE)]
    if private and migration.dual_write == "application":
        raise refused(
            "dual_write='application' needs new columns that the application may write: give "
            f"{', '.join(private)} an interim name, or leave dual_write to the triggers"
        )


def _writes(piece: Pair | Added) -> bool:
    return isinstance(piece, Added) and piece.write is not None


def _expand(
    scope: Scope,
    parts: Sequence[Contribution],
    pieces: Sequence[Pair | Added],
    columns: tuple[tuple[str, str], ...],
    *,
    migration_id: str,
) -> tuple[Step, ...]:
    functions = [statement for part in parts for statement in part.functions]
    clauses = [clause for part in parts for clause in part.clauses]
    if not clauses:
        return ()
    # What needs no lock on the table comes first: the strong lock is held for the last statements
    # only.
    ahead = [*functions, *public(functions)]
    if pieces:
        ahead += [*sync_trigger.prepare(scope), sync_trigger.function(scope, pieces)]
    present = (
        sync_trigger.present(scope, columns) if pieces else columns_there(scope.table, columns)
    )
    watched = any(part.archive for part in parts)
    if watched:
        ahead += watch_trigger.prepare(scope.tag, migration_id, scope.table)
        present = f"SELECT ({present}) AND ({watch_trigger.present(scope.tag, scope.table)})"
    statements = [
        *ahead,
        _columns(scope.table, clauses, [name for name, _ in columns]),
        *(grant for part in parts for grant in part.grants),
        *(sync_trigger.triggers(scope, pieces) if pieces else ()),
        *(watch_trigger.trigger(scope.tag, scope.table) if watched else ()),
    ]
    return (
        Step(
            name="expand.shape",
            phase=Phase.EXPAND,
            statements=tuple(statements),
            present=present,
            taken=columns_taken(scope.table, columns),
        ),
    )


def _columns(table: Table, clauses: list[str], names: list[str]) -> Statement:
    drops = listed([fill("DROP COLUMN IF EXISTS {name}", name=ident(name)) for name in names])
    return Statement(
        sql=fill(
            "ALTER TABLE {table} {clauses}", table=relation(table.name), clauses=listed(clauses)
        ),
        lock=Lock.ACCESS_EXCLUSIVE,
        why="nullable and without default: the catalog changes, no row is touched",
        undo=fill("ALTER TABLE {table} {drops}", table=relation(table.name), drops=drops),
    )


def _analyze(table: Table) -> Step:
    return Step(
        name="finalize.analyze",
        phase=Phase.FINALIZE,
        transactional=False,
        statements=(
            Statement(
                sql=fill("ANALYZE {table}", table=relation(table.name)),
                lock=Lock.SHARE_UPDATE_EXCLUSIVE,
                why="tells the planner about the new columns",
            ),
        ),
        present="",
    )


def _backfill(parts: Sequence[Contribution], pieces: Sequence[Pair | Added]) -> BackfillSql | None:
    assignments = [part.assignment for part in parts if part.assignment]
    tests = [piece.in_step("t") for piece in pieces if piece.in_step("t")]
    if not assignments or not tests:
        return None
    return BackfillSql(assignments=listed(assignments), in_step=f"({' AND '.join(tests)})")


def _archive(table: Table, parts: Sequence[Contribution]) -> ArchiveSql | None:
    values = [value for part in parts for value in part.archive]
    if not values:
        return None
    # Without a key, the whole row is the best name there is. `t.*`: `t` might be a column of it.
    names = [f"{literal(name)}, t.{ident(name)}" for name in table.key]
    key = f"jsonb_build_object({listed(names)})" if names else "to_jsonb(t.*)"
    # Not jsonb_strip_nulls: it would strip the nulls inside a value too.
    pairs = [
        f"CASE WHEN {where} THEN jsonb_build_object({literal(name)}, {text}) ELSE '{{}}' END"
        for name, text, where in values
    ]
    return ArchiveSql(
        key=key,
        values=" || ".join(pairs),
        where=" OR ".join(f"({where})" for _, _, where in values),
    )


def _releases(
    migration: Migration, added: tuple[NewColumn, ...], pieces: Sequence[Pair | Added]
) -> tuple[str, ...]:
    fresh = listed([column.name for column in added if not column.name.startswith(PRIVATE)])
    if not fresh:
        return ("Every release keeps using the names it knows, at any time.",)
    if not any(isinstance(piece, Pair) for piece in pieces):
        return (
            "What was there before may be read and written at any time.",
            f"A release that writes {fresh} too may go out from `expanded`.",
            f"A release that finds {fresh} filled in every row may go out from `backfilled`.",
            "Both must be gone before `pgtide down`.",
            f"Contract belongs to release {migration.contract_release} or later; no name changes.",
        )
    return (
        "The old names may be read and written at any time.",
        f"A release that writes old and new names ({fresh}) may go out from `expanded`.",
        f"A release that writes only the new names ({fresh}) may go out from `backfilled`.",
        "It must be gone before `pgtide down`, and before `pgtide purge` where its names go then.",
        f"Contract belongs to release {migration.contract_release} or later.",
        (
            "From `contracted` on the final names hold the new columns, and a release may know them"
            " alone; it must be gone before `pgtide down`."
        ),
    )


def _warnings(added: tuple[NewColumn, ...]) -> tuple[str, ...]:
    if not added:
        return ()
    return (
        (
            "expand, contract, purge and each undo: where columns come, go or change their names, "
            "a prepared SELECT * or RETURNING * fails (0A000, `cached plan`) each time, until its "
            "session prepares it anew: recycle the application's connections then."
        ),
        "expand: COPY ... FROM without a column list fails from then on: name the columns.",
    )
