"""The rules of a case at each of its stages, over the names that columns have then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from pgtide.model.plan import Replacement
from tests.scenarios.drawn.case import Addition, Case
from tests.scenarios.drawn.conversions import Convert, with_null
from tests.scenarios.drawn.table import Replaced, touch
from tests.scenarios.sync_model import AddedRule, Model, PairRule, Row, TurnedRule, Value


class Stage(IntEnum):
    """Which columns there are, and which of them has the word."""

    OLD = 0
    BOTH = 1
    CONTRACTED = 2
    PURGED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of a replaced column through the stages, as the plan gives them."""

    one: Replaced
    new: str
    retired: str

    @property
    def private(self) -> bool:
        """Tell whether the application knows one name only."""
        return self.one.interim is None


def named(case: Case, replacements: Sequence[Replacement]) -> tuple[Names, ...]:
    """Return the names of each replaced column."""
    plan = {one.old: one for one in replacements}
    return tuple(
        Names(one=one, new=plan[one.name].new, retired=plan[one.name].retired)
        for one in case.table.replaced
    )


def moved(row: Row, case: Case, names: Sequence[Names], *, at: Stage, to: Stage) -> Row:
    """Return what a row is once its columns are those of another stage; it writes no value."""
    while at is not to:
        forward = to > at
        row = _step(row, case, names, stage=at if forward else Stage(at - 1), forward=forward)
        at = Stage(at + (1 if forward else -1))
    return row


def _step(row: Row, case: Case, names: Sequence[Names], *, stage: Stage, forward: bool) -> Row:
    new, added = [one.new for one in names], [one.name for one in case.additions]
    match stage:
        case Stage.OLD if forward:
            return {**row, **dict.fromkeys((*new, *added))}
        case Stage.OLD:
            return {name: value for name, value in row.items() if name not in {*new, *added}}
        case Stage.BOTH:
            return _swapped(row, names, forward=forward)
        case _:
            retired = {one.retired for one in names}
            return {name: value for name, value in row.items() if name not in retired}


def _swapped(row: Row, names: Sequence[Names], *, forward: bool) -> Row:
    row = dict(row)
    for one in names:
        before, after = (one.new, one.retired) if forward else (one.retired, one.new)
        final, other = row[one.one.name], row.pop(before)
        row[one.one.name], row[after] = other, final
    return row


def model_of(case: Case, names: Sequence[Names], stage: Stage) -> Model:
    """Return the rules of a stage, without rows."""
    table = case.table
    synced = stage in {Stage.BOTH, Stage.CONTRACTED}
    # After contract an added column still follows the column that it was declared with.
    sources = {
        one.one.name: one.retired if stage is Stage.CONTRACTED and one.private else one.one.name
        for one in names
    }
    required = {one.name for one in table.replaced if one.required}
    if stage is Stage.CONTRACTED:
        required |= {one.retired for one in names if one.one.required}
    return Model(
        key=table.identity,
        pairs=[_pair(one, table.factor, stage) for one in names] if synced else [],
        added=[_added(one, case, sources) for one in case.additions] if synced else [],
        defaults=_defaults(case, names, stage),
        required=frozenset(required),
        own_triggers=[partial(touch, table.touched)] if table.counted else [],
    )


def _pair(one: Names, factor: str, stage: Stage) -> PairRule | TurnedRule:
    kind = one.one.kind
    if stage is Stage.CONTRACTED and one.private:
        return TurnedRule(
            retired=one.retired,
            final=one.one.name,
            up=_value(kind.up, one.retired, factor),
            down=_value(kind.down, one.one.name, factor),
        )
    return PairRule(
        old=one.one.name,
        new=one.new,
        up=_value(kind.up, one.one.name, factor),
        down=_value(kind.down, one.new, factor),
        sources=(one.one.name, factor) if kind.scaled else (one.one.name,),
        compared=kind.compared and _value(kind.compared, one.new, factor),
    )


def _value(convert: Convert, name: str, factor: str) -> Value:
    return lambda row: with_null(convert, row[name], row, factor)


def _added(one: Addition, case: Case, sources: Mapping[str, str]) -> AddedRule:
    kind, name = one.kind, one.name
    table = case.table
    source = {
        "c": sources.get(table.replaced[0].name, ""),
        "f": table.factor,
        "n": table.note,
        "": table.identity,
    }[kind.source]
    fill, write, verify = kind.fill, kind.write, kind.verify
    return AddedRule(
        name=name,
        sources=(source,) if kind.source and write else (),
        fill=fill and (lambda row: fill(row[source])),
        write=write and (lambda row: write(row[source])),
        verify=verify and (lambda row: verify(row[source], row[name])),
    )


def _defaults(case: Case, names: Sequence[Names], stage: Stage) -> dict[str, object]:
    table = case.table
    given: dict[str, object] = {
        **dict.fromkeys((table.identity, table.note)),
        table.part: 0,
        table.factor: 1,
        table.touched: 0,
    }
    for one in table.replaced:
        value = one.default[0] if one.default else None
        late = stage in {Stage.CONTRACTED, Stage.PURGED} and value is not None
        given[one.name] = one.kind.up(value, 1) if late else value
    if stage in {Stage.BOTH, Stage.CONTRACTED}:
        other = "new" if stage is Stage.BOTH else "retired"
        given |= {getattr(one, other): None for one in names}
    if stage is not Stage.OLD:
        given |= {one.name: None for one in case.additions}
    return given


def in_step(model: Model, row: Row) -> bool:
    """Tell whether every pair and added column of a row is right."""
    return all(one.in_step(row) for one in (*model.pairs, *model.added))


def healed(model: Model, row: Row) -> Row:
    """Return what a row is once the backfill has come by."""
    return row if in_step(model, row) else model.changed(row, {})[0]
