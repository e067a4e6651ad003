"""A drawn write as a statement over the names of the moment, and what it asks of the model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg

from tests.scenarios.acts import Default, columns, listed, resolved, settings
from tests.scenarios.drawn.case import Case
from tests.scenarios.drawn.conversions import Unrepresentable
from tests.scenarios.drawn.rules import Names, Stage
from tests.scenarios.drawn.table import FACTORS, NOTES, key_value
from tests.scenarios.drawn.writes import Delete, Given, Insert, Side, Update, Upsert, Write
from tests.scenarios.sync_model import Model, NotNullViolated, Row

_FIRST_FRESH = 100_000
# The number of a choice that gives NULL even where the column forbids it.
_FORBIDDEN = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement; with `copied` it is a COPY of these rows."""

    text: str
    effect: Callable[[Model], None]
    copied: Sequence[Row] = ()

    def run(self, connection: psycopg.Connection) -> None:
        """Execute it."""
        with connection.cursor() as cursor:
            if self.copied:
                with cursor.copy(self.text.encode()) as stream:
                    for row in self.copied:
                        stream.write_row(list(row.values()))
            else:
                cursor.execute(self.text.encode())


@dataclass(slots=True, kw_only=True)
class Writer:
    """Turns choices into statements; knows the names, and gives each new row a key of its own."""

    case: Case
    names: Sequence[Names] = ()
    stage: Stage = Stage.OLD
    _fresh: int = field(default=_FIRST_FRESH)

    def statement(self, write: Write, model: Model) -> Statement:
        """Return what a write is now."""
        match write:
            case Insert():
                return self._insert(write)
            case Upsert() if self.case.table.key_columns:
                return self._upsert(write, model)
            case Upsert():
                return self._insert(Insert(rows=(write.given,)))
            case Update():
                return self._update(write, model)
            case Delete():
                return self._delete(write, model)

    def _insert(self, write: Insert) -> Statement:
        rows = [self._new(given) for given in write.rows]
        if write.copied:
            rows = [
                {name: v for name, v in row.items() if not isinstance(v, Default)} for row in rows
            ]
        # One statement gives all its rows the same columns.
        names = [name for name in rows[0] if all(name in row for row in rows)]
        rows = [{name: row[name] for name in names} for row in rows]

        def effect(model: Model) -> None:
            for row in rows:
                model.insert(_without_defaults(row))

        head = f"{self.case.table.quoted} ({columns(names)})"
        if write.copied:
            return Statement(text=f"COPY {head} FROM STDIN", effect=effect, copied=rows)
        values = ", ".join(f"({_values(row)})" for row in rows)
        return Statement(text=f"INSERT INTO {head} VALUES {values}", effect=effect)

    def _upsert(self, write: Upsert, model: Model) -> Statement:
        row, table = self._new(write.given), self.case.table
        there = _chosen(model, (write.row,)) if write.row is not None else []
        for key in there:
            row |= {table.identity: key, table.part: model.rows[key][table.part]}
        taken = [name for name in self._given(write.taken, new=False) if name in model.defaults]
        taken = taken if write.taken is not None else []

        def effect(model: Model) -> None:
            # EXCLUDED is the proposed row as the BEFORE INSERT triggers left it, and must be whole.
            excluded = model.propose(_without_defaults(row))
            if any(excluded[name] is None for name in model.required):
                raise NotNullViolated
            if not there:
                model.insert(_without_defaults(row))
            elif taken:
                model.update(there[0], {name: excluded[name] for name in taken})

        sets = ", ".join(f"{columns([name])} = excluded.{columns([name])}" for name in taken)
        action = f"UPDATE SET {sets}" if taken else "NOTHING"
        return Statement(
            # A table may itself be called `excluded`.
            text=f"INSERT INTO {table.quoted} AS mine ({columns(list(row))})"
            f" VALUES ({_values(row)})"
            f" ON CONFLICT ({columns(table.key_columns)}) DO {action}",
            effect=effect,
        )

    def _update(self, write: Update, model: Model) -> Statement:
        given, table = self._given(write.given, new=False), self.case.table
        given = given or {table.note: "n"}
        keys = _chosen(model, write.rows)
        if write.rekeyed:
            keys = keys[:1]
            given[table.identity] = self._key()

        def effect(model: Model) -> None:
            for key in keys:
                model.update(key, resolved(model, given, model.rows[key]))

        where = f"{columns([table.identity])} IN ({listed(keys)})" if keys else "false"
        return Statement(
            text=f"UPDATE {table.quoted} SET {settings(given)} WHERE {where}", effect=effect
        )

    def _delete(self, write: Delete, model: Model) -> Statement:
        keys, table = _chosen(model, write.rows), self.case.table

        def effect(model: Model) -> None:
            for key in keys:
                del model.rows[key]
                model.written.discard(key)

        where = f"{columns([table.identity])} IN ({listed(keys)})" if keys else "false"
        return Statement(text=f"DELETE FROM {table.quoted} WHERE {where}", effect=effect)

    def _key(self) -> object:
        self._fresh += 1
        return key_value(self.case.table.key, self._fresh)

    def _new(self, given: Given) -> dict[str, object]:
        return {self.case.table.identity: self._key(), **self._given(given, new=True)}

    def _given(self, given: Given | None, *, new: bool) -> dict[str, object]:
        if given is None:
            return {}
        table, row = self.case.table, dict[str, object]()
        for one, (side, old, other) in zip(table.replaced, given.pairs, strict=False):
            demanded = new and one.required and one.default is None and side is Side.NONE
            row |= self._pair(one.name, Side.OLD if demanded else side, old, other)
        if given.note is not None:
            row[table.note] = NOTES[given.note % len(NOTES)]
        if given.factor is not None:
            row[table.factor] = FACTORS[given.factor % len(FACTORS)]
        if given.added is not None and self.stage is not Stage.OLD:
            row |= {
                one.name: one.kind.values[given.added % len(one.kind.values)]
                for one in self.case.additions
            }
        return row

    def _pair(self, name: str, side: Side, old: int, other: int) -> dict[str, object]:
        one = next(one for one in self.case.table.replaced if one.name == name)
        new = {known.one.name: known for known in self.names}.get(name)
        kind = one.kind
        late = self.stage in {Stage.CONTRACTED, Stage.PURGED} and not one.interim
        if side is Side.NONE:
            return {}
        if side is Side.DEFAULT:
            return {name: Default()}
        values = kind.news if late else kind.there
        if self.stage is Stage.BOTH:
            values = (*values, *kind.odd)
        said = _choice(values, old, required=one.required)
        known_both = self.stage is Stage.BOTH or (
            self.stage is Stage.CONTRACTED and one.interim is not None
        )
        if side is Side.OLD or not known_both or new is None:
            return {name: said}
        told = _choice(kind.news, other, required=one.required)
        if side is Side.NEW:
            return {new.new: told}
        if side is Side.BOTH:
            return {name: said, new.new: told}
        return {name: said} if kind.scaled else {name: said, **_agreeing(kind.up, said, new.new)}


def _agreeing(up: Callable[[object, int], object], said: object, name: str) -> dict[str, object]:
    try:
        return {name: None if said is None else up(said, 1)}
    except Unrepresentable:
        return {}


def _choice(values: Sequence[object], number: int, *, required: bool) -> object:
    if required:
        return None if number == _FORBIDDEN else values[number % len(values)]
    return (*values, None)[number % (len(values) + 1)]


def _chosen(model: Model, numbers: Sequence[int]) -> list[object]:
    keys = sorted(model.rows, key=str)
    return list(dict.fromkeys(keys[number % len(keys)] for number in numbers)) if keys else []


def _values(row: Mapping[str, object]) -> str:
    return ", ".join("DEFAULT" if isinstance(v, Default) else listed([v]) for v in row.values())


def _without_defaults(row: Mapping[str, object]) -> Row:
    return {name: value for name, value in row.items() if not isinstance(value, Default)}
