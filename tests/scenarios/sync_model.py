"""What the sync triggers must do, said a second time: the rules of the design over Python values.

Nothing here knows how the triggers are built. A model holds the rows of a table; each write names
the values that a statement gives, and the model says which row must be stored.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Row = dict[str, object]
Value = Callable[[Row], object]
# What an application's own BEFORE trigger makes of a row; the row before it is None on INSERT.
OwnTrigger = Callable[[Row | None, Row], Row]


class NotNullViolated(Exception):
    """The row that the rules arrive at has no value where the table demands one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRule:
    """An old and a new column; `sources` are the old columns that `up` reads.

    `compared` is what `down` gives before it is stored, which may refuse it.
    """

    old: str
    new: str
    up: Value
    down: Value
    sources: tuple[str, ...]
    compared: Value | None = None

    def in_step(self, row: Row) -> bool:
        """Tell whether either side follows from the other; NULLs are equal."""
        if row[self.new] == self.up(row):
            return True
        down = self.compared or self.down
        return row[self.new] is not None and row[self.old] == down(row)

    def inserted(self, row: Row) -> None:
        """Bring a new row in step: the new column has no default, so a value in it was given."""
        if row[self.new] is None:
            row[self.new] = self.up(row)
        elif not self.in_step(row):
            row[self.old] = self.down(row)

    def updated(self, before: Row, row: Row) -> bool:
        """Bring a row's next version in step; tell whether it contradicts itself."""
        old_moved = any(row[name] != before[name] for name in self.sources)
        new_moved = row[self.new] != before[self.new]
        if self.in_step(row):
            if old_moved and not new_moved:
                row[self.new] = self.up(row)
        elif old_moved and new_moved:
            return True
        elif new_moved:
            row[self.old] = self.down(row)
        else:
            row[self.new] = self.up(row)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedRule:
    """A pair after contract: what the application writes is `final`, and `retired` follows."""

    retired: str
    final: str
    up: Value
    down: Value

    def in_step(self, row: Row) -> bool:
        """Tell whether either side follows from the other; NULLs are equal."""
        if row[self.final] == self.up(row):
            return True
        return row[self.final] is not None and row[self.retired] == self.down(row)

    def inserted(self, row: Row) -> None:
        """Bring a new row in step: nobody gives a value to the retired column."""
        if row[self.retired] is None:
            row[self.retired] = self.down(row)

    def updated(self, before: Row, row: Row) -> bool:
        """Bring a row's next version in step; nobody can contradict it."""
        del before
        if not self.in_step(row):
            row[self.retired] = self.down(row)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedRule:
    """A column that the old shape lacks; `sources` are the columns that `write` reads."""

    name: str
    sources: tuple[str, ...] = ()
    write: Value | None = None
    fill: Value | None = None
    verify: Callable[[Row], bool | None] | None = None

    def in_step(self, row: Row) -> bool:
        """Tell whether the value is right; an unknown verdict is none."""
        if self.verify is not None:
            return self.verify(row) is True
        if self.fill is not None:
            return row[self.name] is not None or self.fill(row) is None
        return True


@dataclass(slots=True, kw_only=True)
class Model:
    """A table's rows by their key, the rules they obey, and the contradictions counted so far."""

    key: str
    pairs: Sequence[PairRule | TurnedRule]
    added: Sequence[AddedRule]
    defaults: Mapping[str, object]
    required: frozenset[str]
    rows: dict[object, Row] = field(default_factory=dict)
    own_triggers: list[OwnTrigger] = field(default_factory=list)
    conflicts: int = 0
    contradicted: set[object] = field(default_factory=set)
    written: set[object] = field(default_factory=set)

    def propose(self, given: Row) -> Row:
        """Return the row that an INSERT of these values would store."""
        row = {**self.defaults, **given}
        for trigger in self.own_triggers:
            row = trigger(None, row)
        for pair in self.pairs:
            pair.inserted(row)
        for one in self.added:
            if row[one.name] is None:
                _follow(one, row, source_moved=True)
        return row

    def insert(self, given: Row) -> None:
        """Store a new row."""
        self._store(self.propose(given))

    def update(self, key: object, given: Row) -> None:
        """Store a row's next version."""
        self.contradicted.discard(key)
        row, contradictions = self.changed(self.rows[key], given)
        self.conflicts += contradictions
        if contradictions:
            self.contradicted.add(row[self.key])
        del self.rows[key]
        self.written.discard(key)
        self._store(row)

    def changed(self, before: Row, given: Row) -> tuple[Row, int]:
        """Return a row's next version, and how many pairs contradict themselves in it."""
        row = {**before, **given}
        for trigger in self.own_triggers:
            row = trigger(before, row)
        contradictions = sum(pair.updated(before, row) for pair in self.pairs)
        for one in self.added:
            _fill_added(one, before, row)
        return row, contradictions

    def astray(self) -> set[object]:
        """Return the keys of written rows whose pairs are out of step."""
        return {
            key
            for key in self.written
            if not all(pair.in_step(self.rows[key]) for pair in self.pairs)
        }

    def wanting(self) -> set[object]:
        """Return the keys of written rows with an added column that has no value and should."""
        return {
            key
            for key in self.written
            for one in self.added
            if self.rows[key][one.name] is None and not one.in_step(self.rows[key])
        }

    def _store(self, row: Row) -> None:
        if any(row[name] is None for name in self.required):
            raise NotNullViolated
        self.rows[row[self.key]] = row
        self.written.add(row[self.key])


def _fill_added(one: AddedRule, before: Row, row: Row) -> None:
    given_itself = row[one.name] != before[one.name]
    source_moved = any(row[name] != before[name] for name in one.sources)
    if not given_itself:
        _follow(one, row, source_moved=source_moved)


def _follow(one: AddedRule, row: Row, *, source_moved: bool) -> None:
    if one.write is not None and source_moved:
        row[one.name] = one.write(row)
    if one.fill is not None and not one.in_step(row):
        row[one.name] = one.fill(row)
