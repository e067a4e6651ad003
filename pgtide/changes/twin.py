"""Twins: what the old column has, built again on the new one while everyone writes.

Whatever must read the whole table is done in finalize, so that contract has only names to change.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from pgtide.changes.change import Scope, refused
from pgtide.changes.column_settings import settings_statements
from pgtide.changes.constraint import attach_step, constraint_steps, not_null_steps
from pgtide.changes.index import built
from pgtide.changes.replacement import PRIVATE
from pgtide.changes.statistics import comment_step, commented, statistics_step
from pgtide.model.build import Build
from pgtide.model.expression import Answers
from pgtide.model.original import (
    ConstraintOriginal,
    IndexOriginal,
    Move,
    NotNullOriginal,
    Originals,
    StatisticsOriginal,
)
from pgtide.model.plan import Expected, Plan, Twin
from pgtide.model.statement import Statement, Step
from pgtide.postgres.ddl import fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One twin: the steps that build it, what the catalog must show of it, and its comment."""

    twin: Twin
    steps: tuple[Step, ...]
    expected: Expected
    comments: tuple[Statement, ...] = ()


def moves(scope: Scope, answers: Answers) -> tuple[Move, ...]:
    """Return the replaced columns, each with the type of its successor."""
    found = []
    for column in scope.added:
        old = scope.table.column(column.replaces) if column.replaces else None
        if old is not None:
            facts = answers.types[column.type]
            collation = (old.collation if facts.collatable else None) or ""
            found.append(Move(old=old.name, new=column.name, type=facts.name, collation=collation))
    return tuple(found)


def with_twins(plan: Plan, scope: Scope, originals: Originals) -> Plan:
    """Return the plan with a twin of everything that the replaced columns have.

    An index that the migration's file declares under an original's name is the twin itself.
    """
    declared = {twin.name for twin in plan.twins}
    built = (
        *(_index(scope, n, one) for n, one in enumerate(_undeclared(originals, declared))),
        *(_constraint(scope, n, one) for n, one in enumerate(originals.constraints)),
        *(_not_null(scope, n, one) for n, one in enumerate(originals.not_null)),
        *(_statistics(scope, n, one) for n, one in enumerate(originals.statistics)),
    )
    settings = [
        statement
        for one in originals.settings
        for statement in settings_statements(plan.table, one)
    ]
    if not built and not settings:
        return plan
    *ahead, analyze = plan.finalize
    comments = comment_step([statement for one in built for statement in one.comments])
    steps = chain.from_iterable(one.steps for one in built)
    return replace(
        plan,
        expand=tuple(_with_settings(step, settings) for step in plan.expand),
        # Statistics are gathered last, about all that was built.
        finalize=(*ahead, *steps, *comments, analyze),
        twins=(*plan.twins, *(one.twin for one in built)),
        expected=_expected((plan.expected, *(one.expected for one in built))),
        notes=(*plan.notes, *_notes(originals)),
    )


def _notes(originals: Originals) -> tuple[str, ...]:
    # ON CONFLICT waits at one unique index only; at the other, equal from both sides, the loser of
    # a race fails. With six writers of three keys it was one statement in 600.
    names = [one.name for one in originals.indexes if one.unique and not one.deferral]
    if not names:
        return ()
    told = (
        f"finalize: {', '.join(names)} is enforced on old and new column until purge; INSERT ... "
        "ON CONFLICT that meets another one of the same key may fail with 23505 or 40P01: the "
        "application must try it again."
    )
    return (told,)


def _undeclared(originals: Originals, declared: Collection[str]) -> list[IndexOriginal]:
    for one in originals.indexes:
        if one.constraint and one.name in declared:
            raise refused(
                f"Index({one.name!r}): the index of that name serves a UNIQUE constraint, which is "
                "redone on the new column by itself; leave the Index out, or give it another name"
            )
    return [one for one in originals.indexes if one.name not in declared]


def _with_settings(step: Step, settings: Sequence[Statement]) -> Step:
    # Before the backfill: a value is stored and compressed as its column says at that moment. Not
    # with a declared statement: that may run apart, where no lock's wait is short.
    if step.declared:
        return step
    return replace(step, statements=(*step.statements, *settings))


def _expected(parts: Iterable[Expected]) -> Expected:
    every = tuple(parts)
    return Expected(
        columns=tuple(chain.from_iterable(one.columns for one in every)),
        indexes=tuple(chain.from_iterable(one.indexes for one in every)),
        not_null=tuple(chain.from_iterable(one.not_null for one in every)),
        constraints=tuple(chain.from_iterable(one.constraints for one in every)),
        statistics=tuple(chain.from_iterable(one.statistics for one in every)),
    )


def _index(scope: Scope, number: int, one: IndexOriginal) -> Built:
    name, table = _private(scope, f"i{number}", one.name), scope.table.name
    kind = "constraint" if one.constraint else "index"
    build = Build(
        name=name,
        tail=one.tail,
        where=one.where,
        tablespace=one.tablespace,
        unique=one.unique,
        why=f"twin of {one.name}, which takes its name at contract",
    )
    return Built(
        twin=Twin(
            kind=kind,
            name=one.name,
            twin=name,
            retired=_private(scope, f"i{number}r", one.name),
            original=one.definition,
        ),
        steps=(
            built(scope.table, build),
            *((attach_step(table, name, one),) if one.constraint else ()),
        ),
        expected=Expected(
            columns=(),
            indexes=((name, one.tail + one.where),),
            constraints=((name, one.served),) if one.constraint else (),
        ),
        comments=commented(table, kind, name, one.comment),
    )


def _constraint(scope: Scope, number: int, one: ConstraintOriginal) -> Built:
    name, table = _private(scope, f"c{number}", one.name), scope.table.name
    return Built(
        twin=Twin(
            kind="constraint",
            name=one.name,
            twin=name,
            retired=_private(scope, f"c{number}r", one.name),
            original=one.definition,
        ),
        steps=constraint_steps(table, name, one),
        expected=Expected(columns=(), indexes=(), constraints=((name, one.twin),)),
        comments=commented(table, "constraint", name, one.comment),
    )


def _not_null(scope: Scope, number: int, one: NotNullOriginal) -> Built:
    label = one.name or one.column
    name, proof = (_private(scope, f"n{number}{mark}", label) for mark in ("", "p"))
    renamed = one.name if not one.keeps else ""
    return Built(
        twin=Twin(
            kind="not_null",
            name=renamed,
            twin=name if renamed else "",
            retired=_private(scope, f"n{number}r", one.name) if renamed else "",
            original=one.definition,
        ),
        steps=not_null_steps(scope.table, one.keeps or name, proof, one),
        expected=Expected(columns=(), indexes=(), not_null=(one.column,)),
        comments=commented(scope.table.name, "constraint", one.keeps or name, one.comment),
    )


def _statistics(scope: Scope, number: int, one: StatisticsOriginal) -> Built:
    name, table = _private(scope, f"s{number}", one.name), scope.table
    return Built(
        twin=Twin(
            kind="statistics",
            name=one.name,
            twin=name,
            retired=_private(scope, f"s{number}r", one.name),
            original=one.definition,
        ),
        steps=(statistics_step(table, name, one),),
        expected=Expected(columns=(), indexes=(), statistics=(name,)),
        comments=commented(table.name, "statistics", name, one.comment),
    )


def _private(scope: Scope, mark: str, name: str) -> str:
    return fitted(f"{PRIVATE}{scope.tag}_{mark}_", name)
