"""Sql: one statement of the author's own, for what the catalogue lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final, Literal

from pgtide.changes.change import Contribution, NewColumn, Scope, refused
from pgtide.changes.index import taken, there
from pgtide.model.expression import Answers, Cost, FreeStatement, Questions, StatementFacts
from pgtide.model.performance import Performance
from pgtide.model.plan import Plan
from pgtide.model.state import Phase
from pgtide.model.statement import PATH, Finding, Lock, Statement, Step
from pgtide.postgres.ddl import fill, ident, literal, search_path

_PHASES: Final = MappingProxyType(
    {"expand": Phase.EXPAND, "finalize": Phase.FINALIZE, "contract": Phase.CONTRACT}
)
_ERROR: Final = "error"
# Found by rows, constraints and version: the same file may need the reason elsewhere.
_MEASURED: Final = frozenset({"reads-whole-table", "rewrites-whole-table", "unbounded-write"})
_LOSES: Final = "write the statement that does, or why it is `irreversible`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """Run one statement in a phase, and another to take it back.

    `down` takes it back; empty, it says that nothing has to be. `irreversible` instead is the
    reason why nothing can: from that step on the migration cannot be undone. What the linter finds,
    and what pgtide does (statement_cost, statement_write), is in the plan; errors refuse it, unless
    `accept` gives a reason by the rule's name. CONCURRENTLY, VALIDATE CONSTRAINT and ANALYZE run
    outside of a transaction, where names need their schema; everything else in a short one. In
    `purge` nothing could be taken back, so there is no such phase: use a migration of its own.
    """

    up: str
    phase: Literal["expand", "finalize", "contract"]
    down: str | None = None
    irreversible: str = ""
    accept: Mapping[str, str] = field(default_factory=dict)

    def spec(self) -> Mapping[str, object]:
        """Return the declaration as plain values."""
        return {
            "change": "Sql",
            "up": self.up,
            "down": self.down,
            "irreversible": self.irreversible,
            "phase": self.phase,
            "accept": dict(self.accept),
        }

    def columns(self, scope: Scope) -> tuple[NewColumn, ...]:
        """Return no column; refuse a declaration that does not say how to undo it."""
        label = _label(scope)
        if scope.table.partitioned:
            raise refused(
                f"{label}: a declared statement cannot be tried on a copy of a partitioned table, "
                "so its cost and its locks are unknown; run it by hand, partition by partition"
            )
        if self.phase not in _PHASES:
            raise refused(f"{label}: phase is {self.phase!r}; it is one of {', '.join(_PHASES)}")
        if (self.down is None) == (not self.irreversible.strip()):
            raise refused(f"{label}: give either `down` or the reason why it is `irreversible`")
        empty = [rule for rule, reason in self.accept.items() if not reason.strip()]
        if empty:
            raise refused(f"{label}: accept gives no reason for {', '.join(empty)}")
        return ()

    def questions(self, scope: Scope) -> Questions:
        """Ask what the statements are."""
        return Questions(statements=(self._up(scope), *self._down(scope)))

    def contribute(self, scope: Scope, answers: Answers) -> Contribution:
        """Return the step that runs it."""
        up = answers.statements[self._up(scope)]
        down = next((answers.statements[one] for one in self._down(scope)), None)
        self._refuse(scope, up, down)
        step = self._step(scope, up, down)
        return Contribution(
            expand=(step,) if self.phase == "expand" else (),
            finalize=(step,) if self.phase == "finalize" else (),
            contract=(step,) if self.phase == "contract" else (),
            notes=tuple(self._notes(step, up)),
        )

    def _up(self, scope: Scope) -> FreeStatement:
        return FreeStatement(label=_label(scope), text=self.up, phase=_PHASES[self.phase])

    def _down(self, scope: Scope) -> tuple[FreeStatement, ...]:
        # Undoing drops and renames by its nature: it is read, not linted.
        label = f"{_label(scope)}, down"
        return (FreeStatement(label=label, text=self.down, linted=False),) if self.down else ()

    def _refuse(self, scope: Scope, up: StatementFacts, down: StatementFacts | None) -> None:
        label = _label(scope)
        findings = self._findings(up)
        stale = sorted(set(self.accept) - {one.rule for one in findings} - _MEASURED)
        if stale:
            raise refused(f"{label}: accept names {', '.join(stale)}, which nothing finds in it")
        grave = [one for one in findings if one.level == _ERROR and not one.accepted]
        if grave:
            says = " ".join(f"{one.rule}: {one.message}" for one in grave)
            raise refused(f"{label}: {says} Or give a reason in `accept`")
        if self.phase == "contract" and not up.together:
            raise refused(f"{label}: {up.kind} cannot join contract's transaction; use finalize")
        if down is not None and up.together != down.together:
            kinds = f"{up.kind} is undone by {down.kind}"
            raise refused(f"{label}: {kinds}; both run in a transaction, or neither")

    def _step(self, scope: Scope, up: StatementFacts, down: StatementFacts | None) -> Step:
        name = f"{self.phase}.sql.{scope.ordinal}"
        step = Step(
            name=name,
            phase=_PHASES[self.phase],
            statements=(
                Statement(
                    sql=_bare(self.up),
                    lock=up.lock or Lock.ACCESS_EXCLUSIVE,
                    why=_why(up),
                    undo=_undo(scope, self.down or "", down),
                    undo_inside=_bare(down.inside) if down else "",
                    rewrites=up.cost is Cost.REWRITES,
                    findings=self._findings(up),
                ),
            ),
            present=f"SELECT {done(scope.migration_id, name)}",
            transactional=up.together,
            undo_first=_ahead(down),
            irreversible=self.irreversible.strip(),
        )
        return _about_index(step, up, begun=_ledger(scope.migration_id, name, state="running"))

    def _findings(self, up: StatementFacts) -> tuple[Finding, ...]:
        found = up.findings
        if self.down == "" and up.loses:
            says = f"Undo would not bring back {up.loses}, and `down` is empty: {_LOSES}."
            found = (*found, Finding(rule="lost-values", level=_ERROR, message=says))
        return tuple(replace(one, accepted=self.accept.get(one.rule, "")) for one in found)

    def _notes(self, step: Step, up: StatementFacts) -> Sequence[str]:
        notes = []
        if self.irreversible:
            notes.append(
                f"{step.name} cannot be undone, and from it on nor can the migration: "
                f"{step.irreversible}"
            )
        if up.lock is None:
            notes.append(f"{step.name}: its lock is not known; it is treated as ACCESS EXCLUSIVE.")
        return notes


def with_declared(plan: Plan, parts: Sequence[Contribution], checks: Sequence[Performance]) -> Plan:
    """Return a plan with the declared statements of expand and contract, and the checks."""
    return replace(
        plan,
        expand=(*plan.expand, *(step for part in parts for step in part.expand)),
        contract_sql=tuple(step for part in parts for step in part.contract),
        performance=tuple(checks),
    )


def joined(step: Step, plan: Plan) -> Step:
    """Return contract's step with the declared statements at its end.

    Undoing it begins with theirs. The ledger says whether it is done: the catalog does not show
    what they did.
    """
    free = plan.contract_sql
    if not free:
        return step
    first = (*step.undo_first, *(sql for one in free for sql in one.undo_first))
    return replace(
        step,
        statements=(*step.statements, *(text for one in free for text in one.statements)),
        present=f"SELECT {done(plan.migration_id, step.name)}",
        undo_first=tuple(dict.fromkeys(first)),
        irreversible="; ".join(one.irreversible for one in free if one.irreversible),
    )


def _label(scope: Scope) -> str:
    return f"Sql (change {scope.ordinal + 1})"


def _bare(text: str) -> str:
    return text.strip().rstrip(";").rstrip()


def _why(up: StatementFacts) -> str:
    known = "" if up.lock else "; its lock is not known: treated as ACCESS EXCLUSIVE"
    reads = "; reads the whole table under it" if up.cost is Cost.READS else ""
    return f"declared by the migration: {up.kind}{known}{reads}"


def _undo(scope: Scope, text: str, down: StatementFacts | None) -> str:
    if down is None or not down.together:
        return _bare(text)
    # As the statement itself was run. In one text with it: undo from psql executes each text in a
    # call of its own, which has a path of its own.
    path = search_path(scope.table.name)
    return f"{PATH}{path};\n{_bare(text)}"


def _ahead(down: StatementFacts | None) -> tuple[str, ...]:
    # A build that was killed leaves an index that is in the way of the next.
    return (_drop(*down.builds),) if down and down.builds else ()


def _about_index(step: Step, up: StatementFacts, *, begun: str) -> Step:
    """Let the catalog decide where a killed step was building or dropping an index.

    Once it is done, later statements may give the index another name.
    """
    index = up.builds or up.drops
    if index is None:
        return step
    found = there(*index)
    if up.drops:
        gone = f"{begun} AND NOT EXISTS (SELECT {found})"
        return replace(step, present=f"{step.present} OR ({gone})")
    return replace(
        step,
        present=f"{step.present} OR ({begun} AND EXISTS (SELECT {found} AND i.indisvalid))",
        broken=f"SELECT EXISTS (SELECT {found} AND NOT i.indisvalid)",
        clear=_drop(*index),
        taken=taken(*index),
    )


def _drop(schema: str, name: str) -> str:
    return fill("DROP INDEX CONCURRENTLY IF EXISTS {index}", index=ident(schema, name))


def done(migration_id: str, name: str) -> str:
    """Return the test whether the ledger has a step as done."""
    return _ledger(migration_id, name, state="done")


def _ledger(migration_id: str, name: str, *, state: str) -> str:
    return fill(
        "EXISTS (SELECT FROM pgtide.step s JOIN pgtide.migration m"
        " ON m.id = s.migration_id AND m.attempt = s.attempt"
        " WHERE m.id = {id} AND s.name = {name} AND s.state = {state})",
        id=literal(migration_id),
        name=literal(name),
        state=literal(state),
    )
