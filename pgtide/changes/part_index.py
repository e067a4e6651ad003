"""The parts of a partitioned table's index: built on each partition, then attached.

A partition that is attached once the table's index is there has its part from the start; so has one
that is made then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from pgtide.changes.index import index_step, parted_index_step
from pgtide.model.build import Build
from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.model.statement import Lock, Statement, Step
from pgtide.model.table import TableName
from pgtide.postgres.ddl import MAX_NAME_BYTES, fill, fitted, ident, literal
from pgtide.postgres.unindexed import Part, Unindexed


def part_steps(part: Unindexed, each: Build) -> tuple[Step, ...]:
    """Return the steps that build an index's part on a partition, and attach it.

    What is attached has no undo of its own: it goes with the table's index.
    """
    build = Build(
        name=_part_name(part, each),
        tail=each.tail,
        unique=each.unique,
        why=f"{part.name.name}'s part of {each.name}; readers and writers pass",
        where=each.where,
        tablespace=each.tablespace,
    )
    attach = _attached(part.name, build, part.parent)
    if not part.partitioned:
        return index_step(part.name, build), attach
    frame = parted_index_step(part.name, build, each=None)
    bare = tuple(replace(one, undo="") for one in frame.statements)
    # In one transaction: a frame that is not attached would be left behind by undo.
    return (replace(attach, statements=(*bare, *attach.statements), taken=frame.taken),)


def with_parts(plan: Plan, parts: Sequence[Part]) -> Plan:
    """Return a plan that shows the steps for the partitions that are there now.

    What is carried out is made from those that are there then.
    """
    shown = [step for one in plan.finalize for step in (one, *_all_parts(plan, parts, one.each))]
    return replace(plan, finalize=tuple(shown))


def _all_parts(plan: Plan, parts: Sequence[Part], each: Build | None) -> Iterator[Step]:
    if each is None:
        return
    indexes = {plan.table_oid: ident(plan.table.schema, each.name)}
    for one in parts:
        part = Unindexed(
            oid=one.oid,
            name=one.name,
            partitioned=one.partitioned,
            parent=indexes[one.parent],
        )
        indexes[one.oid] = ident(one.name.schema, _part_name(part, each))
        yield from part_steps(part, each)


def _part_name(part: Unindexed, each: Build) -> str:
    # Deterministic: a part that was built before a kill is found again.
    name = f"{part.name.name}_{each.name}"
    if len(name.encode()) <= MAX_NAME_BYTES and not each.name.startswith("_"):
        return name
    return fitted("", each.name, f"_{part.oid}")


def _attached(table: TableName, build: Build, parent: str) -> Step:
    own = ident(table.schema, build.name)
    return Step(
        name=f"finalize.attach.{build.name}",
        phase=Phase.FINALIZE,
        statements=(
            Statement(
                sql=fill("ALTER INDEX {parent} ATTACH PARTITION {own}", parent=parent, own=own),
                lock=Lock.ACCESS_SHARE,
                why="the part is whole: nothing is read",
            ),
        ),
        present=fill(
            "SELECT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = to_regclass({own})"
            " AND inhparent = to_regclass({parent}))",
            own=literal(own),
            parent=literal(parent),
        ),
    )
