"""Twins: what the old column has, built again on the new one while everyone writes.

Whatever must read the whole table is done in finalize, so that contract has only names to change.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

from pgtide.changes.change import Scope, refused
from pgtide.changes.constraint import attach_step, not_null_steps
from pgtide.changes.index import Build, index_step
from pgtide.changes.replacement import PRIVATE
from pgtide.model.original import IndexOriginal, NotNullOriginal, Originals
from pgtide.model.plan import Expected, Twin
from pgtide.model.statement import Step
from pgtide.postgres.ddl import fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """One twin: the steps that build it, and what the catalog must show of it."""

    twin: Twin
    steps: tuple[Step, ...]
    expected: Expected


def twins(scope: Scope, originals: Originals, declared: Collection[str]) -> tuple[Built, ...]:
    """Return a twin of everything that the replaced columns have.

    `declared` names the indexes that the migration's file builds itself: such a one is the twin.
    """
    _refuse_declared(originals, declared)
    plain = [index for index in originals.indexes if index.name not in declared]
    return (
        *(_index(scope, number, one) for number, one in enumerate(plain)),
        *(_not_null(scope, number, one) for number, one in enumerate(originals.not_null)),
    )


def expected(parts: Iterable[Expected]) -> Expected:
    """Return what the catalog must show of all of them."""
    every = tuple(parts)
    return Expected(
        columns=tuple(chain.from_iterable(one.columns for one in every)),
        indexes=tuple(chain.from_iterable(one.indexes for one in every)),
        not_null=tuple(chain.from_iterable(one.not_null for one in every)),
        constraints=tuple(chain.from_iterable(one.constraints for one in every)),
        statistics=tuple(chain.from_iterable(one.statistics for one in every)),
    )


def _refuse_declared(originals: Originals, declared: Collection[str]) -> None:
    for one in originals.indexes:
        if one.constraint and one.name in declared:
            raise refused(
                f"Index({one.name!r}): the index of that name serves a UNIQUE constraint, which is "
                "redone on the new column by itself; leave the Index out, or give it another name"
            )


def _index(scope: Scope, number: int, one: IndexOriginal) -> Built:
    name, table = _private(scope, f"i{number}", one.name), scope.table.name
    build = Build(
        name=name,
        tail=one.tail,
        where=one.where,
        tablespace=one.tablespace,
        unique=one.unique,
        why=f"twin of {one.name}, which takes its name at contract",
    )
    attached = (attach_step(table, name, one),) if one.constraint else ()
    return Built(
        twin=_twin(scope, f"i{number}", one, kind="constraint" if one.constraint else "index"),
        steps=(index_step(table, build), *attached),
        expected=Expected(
            columns=(),
            indexes=((name, one.tail + one.where),),
            constraints=((name, ""),) if one.constraint else (),
        ),
    )


def _not_null(scope: Scope, number: int, one: NotNullOriginal) -> Built:
    name = _private(scope, f"n{number}", one.name or one.column)
    return Built(
        twin=Twin(
            kind="not_null",
            name=one.name,
            twin=name if one.name else "",
            retired=_private(scope, f"n{number}r", one.name) if one.name else "",
            original=one.definition,
        ),
        steps=not_null_steps(
            scope.table, name, _private(scope, f"n{number}p", one.name or one.column), one
        ),
        expected=Expected(columns=(), indexes=(), not_null=(one.column,)),
    )


def _twin(scope: Scope, mark: str, one: IndexOriginal, *, kind: str) -> Twin:
    return Twin(
        kind=kind,
        name=one.name,
        twin=_private(scope, mark, one.name),
        retired=_private(scope, f"{mark}r", one.name),
        original=one.definition,
    )


def _private(scope: Scope, mark: str, name: str) -> str:
    return fitted(f"{PRIVATE}{scope.tag}_{mark}_", name)
