"""One statement of an application: its SQL, and what it asks of the model of the rules."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from tests.scenarios.sync_model import Model, OwnTrigger, Row

TABLE = "public.users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """A value that the statement computes from the row."""

    text: str
    of: Callable[[Row], object]


@dataclass(frozen=True, slots=True)
class Default:
    """The keyword DEFAULT; what it gives depends on the kind of the column."""


Given = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A statement; with `copy` it is a COPY that reads that text."""

    text: str
    effect: Callable[[Model], None]
    copy: str = ""

    def run(self, connection: psycopg.Connection) -> None:
        """Execute the statement."""
        with connection.cursor() as cursor:
            if self.copy:
                with cursor.copy(self.text.encode()) as stream:
                    stream.write(self.copy)
            else:
                cursor.execute(self.text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Statements in one transaction, from that server version on, beside these own triggers."""

    name: str
    acts: Sequence[Act]
    since: int = 140000
    own_triggers: tuple[OwnTrigger, ...] = ()

    def __str__(self) -> str:
        return self.name


def insert(*rows: Given, tail: str = "") -> Act:
    """Return a plain INSERT of rows that give the same columns."""
    names = list(rows[0])
    values = ", ".join(f"({', '.join(_text(row[name]) for name in names)})" for row in rows)

    def effect(model: Model) -> None:
        for row in rows:
            model.insert(_given(row, {}))

    return Act(text=f"INSERT INTO {TABLE} ({columns(names)}) VALUES {values}{tail}", effect=effect)


def update(given: Given, *, keys: Sequence[object], table: str = TABLE) -> Act:
    """Return a plain UPDATE of the rows with these keys."""

    def effect(model: Model) -> None:
        for key in keys:
            model.update(key, resolved(model, given, model.rows[key]))

    return Act(
        text=f"UPDATE {table} SET {settings(given)} WHERE id IN ({listed(keys)})", effect=effect
    )


def aside(text: str) -> Act:
    """Return a statement that changes no row."""
    return Act(text=text, effect=lambda _: None)


def settings(given: Given) -> str:
    """Return the SET list of values."""
    return ", ".join(f"{columns([name])} = {_text(value)}" for name, value in given.items())


def columns(names: Sequence[str]) -> str:
    """Return a list of columns."""
    return ", ".join(sql.Identifier(name).as_string(None) for name in names)


def listed(values: Sequence[object]) -> str:
    """Return a list of values."""
    return ", ".join(_text(value) for value in values)


def resolved(model: Model, given: Given, row: Row) -> Row:
    """Return the values that an UPDATE gives a row."""
    defaults = {name: model.defaults[name] for name in given if isinstance(given[name], Default)}
    return {**_given(given, row), **defaults}


def _given(given: Given, row: Row) -> Row:
    return {
        name: value.of(row) if isinstance(value, Computed) else value
        for name, value in given.items()
        if not isinstance(value, Default)
    }


def _text(value: object) -> str:
    match value:
        case Default():
            return "DEFAULT"
        case Computed():
            return value.text
        case _:
            return sql.Literal(value).as_string(None)
