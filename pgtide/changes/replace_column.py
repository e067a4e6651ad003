"""ReplaceColumn: a column gives way to one of another name, type or meaning."""

from collections.abc import Mapping
from dataclasses import dataclass

from pgtide.changes.change import Contribution, NewColumn, Scope, refused
from pgtide.changes.column import add_clause, archivable, column_grants
from pgtide.changes.function import call, expression_function
from pgtide.changes.replacement import PRIVATE
from pgtide.changes.sync import Call, Pair, differs
from pgtide.model.expression import Answers, Expression, Questions
from pgtide.model.plan import Comparison
from pgtide.model.statement import Statement
from pgtide.model.table import Column
from pgtide.postgres.ddl import fitted, ident


@dataclass(frozen=True, slots=True)
class ReplaceColumn:
    """Replace a column; `up` computes the new value from the old row.

    `down` the old one from the new.

    `interim` is a name that releases may use for the new column until purge: it needs equal types
    and no expressions. In `down`, the column's name (or `interim`) stands for the new value.
    """

    name: str
    type: str
    up: str | None = None
    down: str | None = None
    interim: str | None = None

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {
            "change": "ReplaceColumn",
            "name": self.name,
            "type": self.type,
            "up": self.up,
            "down": self.down,
            "interim": self.interim,
        }

    def columns(self, scope: Scope) -> tuple[NewColumn, ...]:
        """Return the one new column, under its interim or a private name."""
        old = scope.require(self.name, self._label)
        if old.generated:
            raise refused(
                f"{self._label}: the column is generated; replace what it is generated from"
            )
        if self.interim is not None and (self.up or self.down):
            raise refused(
                f"{self._label}: interim={self.interim!r} needs old and new values to be equal, "
                "so that either name "
                "reads the same; leave out up and down, or leave out interim"
            )
        if self.interim is not None and scope.table.column(self.interim):
            raise refused(f"{self._label}: {scope.table.name} already has a column {self.interim}")
        return (
            NewColumn(name=self._new(scope), final=self.name, type=self.type, replaces=self.name),
        )

    def questions(self, scope: Scope) -> Questions:
        """Ask about the type and both expressions."""
        old = scope.require(self.name, self._label)
        return Questions(types=(self.type, old.type), expressions=(self._up(), self._down(scope)))

    def contribute(self, scope: Scope, answers: Answers) -> Contribution:
        """Return the new column, what keeps it in step, and what a report shows of it."""
        old, facts = scope.require(self.name, self._label), answers.types[self.type]
        if self.interim is not None and facts.name != old.type:
            raise refused(
                f"{self._label}: interim={self.interim!r} needs equal types, so that either name "
                f"reads the same; the column is {old.type}, the new one {facts.name}. Leave out "
                "interim: the type then changes under the one name"
            )
        pair = self._pair(scope, answers, old)
        new, fresh = f"t.{ident(pair.new)}", pair.up.on("t")
        # What `up` would not give back is in no old column: undo must archive it.
        lossy = differs(new, fresh, comparable=pair.comparable_new)
        if pair.identity:
            # Only a write past the triggers leaves such a value, and a row not filled yet has none.
            lossy = f"{new} IS NOT NULL AND {lossy}"
        return Contribution(
            functions=() if pair.identity else self._functions(scope, answers, old),
            clauses=(add_clause(pair.new, facts, old.collation),),
            grants=column_grants(scope.table.name, old, pair.new),
            sync=pair,
            assignment=f"{ident(pair.new)} = {self._fresh(pair)}",
            fresh=((pair.new, facts.name, self._up().text),),
            comparison=Comparison(
                change=self.name,
                in_step=pair.in_step("t"),
                old=f"t.{ident(pair.old)}",
                expected=fresh,
                actual=new,
            ),
            archive=((pair.new, archivable(new, facts), lossy),),
            columns=((pair.new, facts.name),),
            notes=self._notes(),
        )

    @property
    def _label(self) -> str:
        return f"ReplaceColumn({self.name!r})"

    def _new(self, scope: Scope) -> str:
        return self.interim or fitted(f"{PRIVATE}{scope.tag}_{scope.ordinal}_", self.name)

    def _up(self) -> Expression:
        return Expression(
            label=f"{self._label} up", text=self.up or ident(self.name), returns=self.type
        )

    def _down(self, scope: Scope) -> Expression:
        old = scope.require(self.name, self._label)
        instead = ((self.name, self.type), *(((self.interim, self.type),) if self.interim else ()))
        return Expression(
            label=f"{self._label} down",
            text=self.down or ident(self.name),
            returns=old.type,
            instead=instead,
        )

    def _pair(self, scope: Scope, answers: Answers, old: Column) -> Pair:
        facts, new = answers.types[self.type], self._new(scope)
        up = tuple(source.name for source in answers.sources[self._up()])
        down = tuple(
            new if source.name in {self.name, self.interim} else source.name
            for source in answers.sources[self._down(scope)]
        )
        identity = self.up is None and self.down is None and facts.name == old.type
        return Pair(
            old=self.name,
            new=new,
            up=Call(function="", arguments=(self.name,))
            if identity
            else call(f"{scope.prefix}up", up),
            down=Call(function="", arguments=(new,))
            if identity
            else call(f"{scope.prefix}down", down),
            comparable_old=old.comparable,
            # The new column gets the old one's collation.
            comparable_new=facts.comparable and (old.comparable or not facts.collatable),
            told=self.up is not None,
        )

    def _functions(self, scope: Scope, answers: Answers, old: Column) -> tuple[Statement, ...]:
        up, down = self._up(), self._down(scope)
        return (
            expression_function(
                f"{scope.prefix}up", up, answers.sources[up], returns=answers.types[self.type]
            ),
            expression_function(
                f"{scope.prefix}down", down, answers.sources[down], returns=answers.types[old.type]
            ),
        )

    def _fresh(self, pair: Pair) -> str:
        # Where down loses nothing there is one right value. Elsewhere a row that is in step keeps
        # its own: the application may have written it, and up of the old value would not give it
        # back.
        if pair.identity:
            return pair.up.on("t")
        return f"CASE WHEN {pair.in_step('t')} THEN t.{ident(pair.new)} ELSE {pair.up.on('t')} END"

    def _notes(self) -> tuple[str, ...]:
        if self.interim:
            return ()
        return (
            f"{self.name}: the application keeps using this name throughout.",
            (
                f"contract and its undo: so does a prepared statement that returns {self.name}, "
                "whose type changes."
            ),
            "contract: until purge, INSERT without a column list reaches the old column: name all.",
        )
