"""What keeps an old and a new column in step, as SQL text over any row.

`new`, `old`, or the table `t`.

Every name of a function is qualified and every comparison is PostgreSQL's own, so the text means
the same in a batch, in a trigger's WHEN clause and in the trigger's function, whatever the search
path.
"""

from dataclasses import dataclass

from pgtide.postgres.ddl import ident


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of one of our functions; its arguments are columns of the row in question.

    `function` empty means the identity: the one argument itself.
    """

    function: str
    arguments: tuple[str, ...]

    def on(self, row: str) -> str:
        """Return the call's text over a row."""
        values = ", ".join(f"{row}.{ident(name)}" for name in self.arguments)
        return f"{self.function}({values})" if self.function else values


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """An old column and the new one that replaces it.

    In step: the new value is up of the old, or the old value is down of a new one that is not null.
    A test of one side only destroyed an application's data in an experiment. `told` says that the
    file gives `up`: the type alone does not say what becomes of a value.
    """

    old: str
    new: str
    up: Call
    down: Call
    comparable_old: bool
    comparable_new: bool
    told: bool = False

    @property
    def identity(self) -> bool:
        """Tell whether both columns hold the same value, so that one comparison says all."""
        return not self.up.function and not self.down.function

    def in_step(self, row: str) -> str:
        """Return the test; never null."""
        new, old = f"{row}.{ident(self.new)}", f"{row}.{ident(self.old)}"
        forward = same(new, self.up.on(row), comparable=self.comparable_new)
        if self.identity:
            return forward
        backward = same(old, self.down.on(row), comparable=self.comparable_old)
        return f"({forward} OR ({new} IS NOT NULL AND {backward}))"

    def moved_sources(self) -> tuple[str, ...]:
        """Return the columns whose change must reach the trigger, whatever the row looks like."""
        return () if self.identity else self.up.arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """A pair after contract: `final` is the word of the application, `retired` is kept in step.

    The same test over the same two columns, by their names of then. With `release`, a value that
    `down` cannot represent gives up the way back, so no test may call `down`: it would fail.
    """

    retired: str
    final: str
    up: Call
    down: Call
    comparable_retired: bool
    comparable_final: bool
    release: bool
    required: bool

    @property
    def identity(self) -> bool:
        """Tell whether both columns hold the same value."""
        return not self.up.function and not self.down.function

    def in_step(self, row: str) -> str:
        """Return the test; never null."""
        final, retired = f"{row}.{ident(self.final)}", f"{row}.{ident(self.retired)}"
        forward = same(final, self.up.on(row), comparable=self.comparable_final)
        if self.identity or self.release:
            return forward
        backward = same(retired, self.down.on(row), comparable=self.comparable_retired)
        return f"({forward} OR ({final} IS NOT NULL AND {backward}))"

    def moved_sources(self) -> tuple[str, ...]:
        """Return the columns whose change must reach the trigger, whatever the row looks like."""
        return () if self.identity else self.up.arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A column that the old shape lacks.

    Its test, its value for old rows, its value for live writes.
    """

    name: str
    comparable: bool
    verify: Call | None
    fill: Call | None
    write: Call | None

    def in_step(self, row: str) -> str:
        """Return the test; never null, and empty where every value is right."""
        if self.verify is not None:
            # A NULL verdict is a mismatch, everywhere.
            return f"({self.verify.on(row)} IS TRUE)"
        if self.fill is not None:
            return f"({row}.{ident(self.name)} IS NOT NULL OR {self.fill.on(row)} IS NULL)"
        return ""

    def moved_sources(self) -> tuple[str, ...]:
        """Return the columns whose change lets on_write fire."""
        return self.write.arguments if self.write else ()


def same(left: str, right: str, *, comparable: bool) -> str:
    """Return the comparison in which NULLs are equal.

    By image where the type has no equality (trap 38).
    """
    if comparable:
        return f"({left} IS NOT DISTINCT FROM {right})"
    return f"(NOT pg_catalog.record_image_ne(ROW({left}), ROW({right})))"


def differs(left: str, right: str, *, comparable: bool) -> str:
    """Return the opposite of `same`."""
    if comparable:
        return f"({left} IS DISTINCT FROM {right})"
    return f"pg_catalog.record_image_ne(ROW({left}), ROW({right}))"


def moved(column: str, *, comparable: bool) -> str:
    """Return the test whether an UPDATE changed a column."""
    name = ident(column)
    return differs(f"new.{name}", f"old.{name}", comparable=comparable)


def kept(column: str, *, comparable: bool) -> str:
    """Return the test whether an UPDATE left a column alone."""
    name = ident(column)
    return same(f"new.{name}", f"old.{name}", comparable=comparable)


# What the sync triggers keep in step.
Piece = Pair | Turned | Added
