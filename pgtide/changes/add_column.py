"""AddColumn: a column that the old shape lacks, with values for old rows and for live writes."""

from collections.abc import Mapping
from dataclasses import dataclass

from pgtide.changes.change import Contribution, Impossible, NewColumn, Scope, refused
from pgtide.changes.column import add_clause, archivable
from pgtide.changes.function import call, expression_function
from pgtide.changes.sync import Added, Call
from pgtide.model.expression import Answers, Expression, Questions, Volatility
from pgtide.model.plan import Comparison
from pgtide.postgres.ddl import fill, ident, relation


@dataclass(frozen=True, slots=True)
class AddColumn:
    """Add a column under its final name.

    `backfill` gives the value of old rows and must be immutable; `on_write` the value of live
    writes that leave the column alone, and may be stable; `verify` is true for a right row. Without
    `verify` a row is right when the column is not null or its backfill is null.
    """

    name: str
    type: str
    backfill: str | None = None
    on_write: str | None = None
    verify: str | None = None

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {
            "change": "AddColumn",
            "name": self.name,
            "type": self.type,
            "backfill": self.backfill,
            "on_write": self.on_write,
            "verify": self.verify,
        }

    def columns(self, scope: Scope) -> tuple[NewColumn, ...]:
        """Return the one new column."""
        if scope.table.column(self.name):
            raise refused(f"{self._label}: {scope.table.name} already has a column {self.name}")
        if self.verify and not self.backfill:
            raise refused(f"{self._label}: verify needs backfill, or old rows could never pass")
        return (NewColumn(name=self.name, final=self.name, type=self.type),)

    def questions(self, scope: Scope) -> Questions:
        """Ask about the type and the expressions."""
        del scope
        return Questions(
            types=(self.type, "boolean"), expressions=tuple(self._expressions().values())
        )

    def contribute(self, scope: Scope, answers: Answers) -> Contribution:
        """Return the new column, what fills it, and what a report shows of it."""
        facts, expressions = answers.types[self.type], self._expressions()
        functions = tuple(
            expression_function(
                scope.prefix + kind,
                expression,
                answers.sources[expression],
                returns=answers.types["boolean"] if kind == "verify" else facts,
            )
            for kind, expression in expressions.items()
        )
        calls = {
            kind: call(scope.prefix + kind, tuple(s.name for s in answers.sources[expression]))
            for kind, expression in expressions.items()
        }
        added = self._added(calls, comparable=facts.comparable)
        in_step, name = added.in_step("t"), ident(self.name)
        fresh = added.fill.on("t") if added.fill else "NULL"
        return Contribution(
            functions=functions,
            clauses=(add_clause(self.name, facts),),
            sync=added,
            assignment=f"{name} = CASE WHEN {in_step} THEN t.{name} ELSE {fresh} END"
            if added.fill
            else "",
            comparison=Comparison(
                change=self.name, in_step=in_step, old="NULL", expected=fresh, actual=f"t.{name}"
            )
            if in_step
            else None,
            archive=((self.name, archivable(f"t.{name}", facts), f"t.{name} IS NOT NULL"),),
            columns=((self.name, facts.name),),
            impossible=self._impossible(scope),
        )

    @property
    def _label(self) -> str:
        return f"AddColumn({self.name!r})"

    def _expressions(self) -> dict[str, Expression]:
        def expression(kind: str, text: str, returns: str, volatility: Volatility) -> Expression:
            instead = ((self.name, self.type),) if kind == "verify" else ()
            return Expression(
                label=f"{self._label} {kind}",
                text=text,
                returns=returns,
                instead=instead,
                volatility=volatility,
            )

        found = {}
        if self.backfill:
            found["backfill"] = expression(
                "backfill", self.backfill, self.type, Volatility.IMMUTABLE
            )
        if self.on_write:
            found["on_write"] = expression("on_write", self.on_write, self.type, Volatility.STABLE)
        if self.verify:
            found["verify"] = expression("verify", self.verify, "boolean", Volatility.IMMUTABLE)
        return found

    def _added(self, calls: Mapping[str, Call], *, comparable: bool) -> Added:
        return Added(
            name=self.name,
            comparable=comparable,
            verify=calls.get("verify"),
            fill=calls.get("backfill"),
            write=calls.get("on_write"),
        )

    def _impossible(self, scope: Scope) -> tuple[Impossible, ...]:
        if not self.verify or not self.backfill:
            return ()
        query = fill(
            "SELECT count(*) FROM (SELECT t.*, CAST(({backfill}\n) AS {type}) AS {name} FROM "
            "{table} t) r"
            " WHERE ({verify}\n) IS NOT TRUE",
            backfill=self.backfill,
            type=self.type,
            name=ident(self.name),
            table=relation(scope.table.name),
            verify=self.verify,
        )
        return (
            Impossible(
                query=query, meaning=f"{self._label}: verify is not true of the row's own backfill"
            ),
        )
