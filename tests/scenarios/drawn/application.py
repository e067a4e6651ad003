"""An application beside the migration: it writes, keeps account, and looks at what it finds.

Between two of its own writes a row may change in one way only: from a row that is out of step into
what the rules make of it. Nothing else may be written to, not even with the same values.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import psycopg
from psycopg.types.string import TextLoader

from pgtide.model.plan import Plan
from tests.driving import record_of
from tests.scenarios.acts import columns
from tests.scenarios.drawn.archive import Archived, lost
from tests.scenarios.drawn.case import MIGRATION_ID, Case, Fate
from tests.scenarios.drawn.conversions import Unrepresentable
from tests.scenarios.drawn.reached import Reached
from tests.scenarios.drawn.rules import Stage, healed, in_step, model_of, moved, named
from tests.scenarios.drawn.statements import Statement, Writer
from tests.scenarios.drawn.writes import Transaction
from tests.scenarios.sync_model import Model, NotNullViolated, Row

# Where nobody waits for a held transaction it ends by itself.
_HELD = 1.0
_LOOK = 0.003
_WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE %s = ANY (pg_blocking_pids(pid))"


class Violated(AssertionError):
    """The table is not as its writers and the rules have it."""


class Application:
    """Write transactions and compare the table with the model."""

    def __init__(self, url: str, case: Case) -> None:
        self.case = case
        self.stage = Stage.OLD
        self.reached: Counter[Reached] = Counter()
        self.lost: Archived = {}
        self._url = url
        self._writer = Writer(case=case)
        self._versions: dict[object, str] = {}
        self._held: tuple[threading.Event, threading.Thread] | None = None
        # A prepared SELECT * fails once when the columns change, as the plan says.
        self._connection = psycopg.connect(url, prepare_threshold=None)
        self._connection.adapters.register_loader("json", TextLoader)
        self._connection.execute("SET lock_timeout = '5s'; SET timezone = 'UTC'")
        self._connection.commit()
        self.model = model_of(case, (), Stage.OLD)
        self.model.rows, self._versions = self._read(self._columns())
        self._connection.commit()

    def close(self) -> None:
        """End the session."""
        self.settle()
        self._connection.close()

    def write(self, transaction: Transaction) -> None:
        """Carry a transaction out; one that is held stays open."""
        self.observe()
        rows, versions = dict(self.model.rows), dict(self._versions)
        done = all(self._written(number, transaction) for number in range(len(transaction.writes)))
        if done and transaction.held:
            self._hold(commits=transaction.commits)
        elif done and transaction.commits:
            self._connection.commit()
        else:
            self._connection.rollback()
        if not (done and transaction.commits):
            self.reached[Reached.TAKEN_BACK if done else Reached.REFUSED] += 1
            self.model.rows, self._versions = rows, versions
            self._recount()

    def settle(self) -> None:
        """End the transaction that is held, if one is."""
        if self._held is not None:
            released, thread = self._held
            released.set()
            thread.join()
            self._held = None

    def observe(self) -> None:
        """Look at the table; raises Violated where it changed in a way that nothing explains."""
        self.settle()
        with self._looking() as names:
            found, versions = self._read(names)
        gone, new = self.model.rows.keys() - found.keys(), found.keys() - self.model.rows.keys()
        if gone or new:
            raise Violated(f"rows gone: {gone}, rows that nobody wrote: {new}")
        for key, row in found.items():
            self._explained(key, row, rewritten=versions[key] != self._versions[key])
        self.model.rows, self._versions = found, versions

    @property
    def holding(self) -> bool:
        """Tell whether a transaction is held, or ended since anybody looked."""
        return self._held is not None

    def astray(self, *, late: bool = False) -> list[Row]:
        """Return the rows that are out of step.

        Where the last write came too `late` for verification to see, only those whose pairs are:
        such a write is counted, but not one that gives an added column a wrong value.
        """
        model = self.model
        rows = [row for row in model.rows.values() if not in_step(model, row)]
        return [row for row in rows if not (late and all(one.in_step(row) for one in model.pairs))]

    def counted(self) -> int:
        """Return how many contradictions the triggers have counted."""
        sync = self._plan.sync
        name = sync and sync.conflicts
        query = "SELECT coalesce(max(last_value), 0) FROM pg_sequences WHERE sequencename = %s"
        [(count,)] = self._connection.execute(query, (name,)).fetchall()
        self._connection.commit()
        return int(count)

    def _explained(self, key: object, row: Row, *, rewritten: bool) -> None:
        known = self.model.rows[key]
        right = healed(self.model, known)
        if row == known:
            if rewritten:
                raise Violated(f"written to without need: {row}")
        elif row == right:
            self.reached[Reached.HEALED] += 1
        else:
            raise Violated(f"a row is {row}\nwritten as {known}\nand healed it is {right}")

    @contextmanager
    def _looking(self) -> Iterator[list[str]]:
        names = self._columns()
        stage = self._stage(names)
        if stage is not self.stage:
            self._move(stage)
        yield names
        self._connection.commit()

    def _columns(self) -> list[str]:
        query = f"SELECT * FROM {self.case.table.quoted} LIMIT 0"
        cursor = self._connection.execute(query.encode())
        return [one.name for one in cursor.description or () if one.name != self.case.table.filler]

    def _read(self, names: list[str]) -> tuple[dict[object, Row], dict[object, str]]:
        query = f"SELECT xmin::text, {columns(names)} FROM {self.case.table.quoted}"
        found = self._connection.execute(query.encode()).fetchall()
        key = names.index(self.case.table.identity) + 1
        rows = {one[key]: dict(zip(names, one[1:], strict=True)) for one in found}
        if len(rows) != len(found):
            raise Violated(f"{len(found) - len(rows)} rows are there twice")
        return rows, {one[key]: one[0] for one in found}

    @cached_property
    def _plan(self) -> Plan:
        return record_of(self._url, MIGRATION_ID).plan

    def _stage(self, names: list[str]) -> Stage:
        known = set(names)
        if self.stage is Stage.OLD and known == set(model_of(self.case, (), Stage.OLD).defaults):
            return Stage.OLD
        if not self._writer.names:
            self._writer.names = named(self.case, self._plan.replacements)
        first = self._writer.names[0]
        others = known & {first.new, first.retired}
        if not others:
            purged = self.case.fate is Fate.PURGED and self.stage >= Stage.CONTRACTED
            return Stage.PURGED if purged else Stage.OLD
        # The new column came later, whatever it is called.
        swapped = names.index(first.one.name) > names.index(others.pop())
        return Stage.CONTRACTED if swapped else Stage.BOTH

    def _move(self, stage: Stage) -> None:
        before, names = self.model, self._writer.names
        if stage is Stage.OLD:
            self.lost = lost(self.case, names, [*before.rows.values()], at=self.stage)
        self.model = model_of(self.case, names, stage)
        self.model.conflicts = before.conflicts
        self.model.rows = {
            key: moved(row, self.case, names, at=self.stage, to=stage)
            for key, row in before.rows.items()
        }
        self.stage = self._writer.stage = stage

    def _written(self, number: int, transaction: Transaction) -> bool:
        """Carry out one write; tell whether it passed."""
        statement = self._writer.statement(transaction.writes[number], self.model)
        conflicts = self.model.conflicts
        refused = _refusal(statement, self.model)
        try:
            statement.run(self._connection)
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if refused is None and not self._half_empty():
                raise Violated(f"{statement.text} failed: {error}") from error
            return False
        if refused is not None:
            raise Violated(f"{statement.text} passed, and must not: {type(refused).__name__}")
        found, versions = self._read(self._columns())
        if found != self.model.rows:
            raise Violated(f"{statement.text} left {_difference(found, self.model.rows)}")
        self._versions = versions
        self.reached[Reached.CONTRADICTED] += self.model.conflicts > conflicts
        self.reached[Reached.REKEYED] += getattr(transaction.writes[number], "rekeyed", False)
        self.reached[Reached.WRITTEN_CONTRACTED] += self.stage is Stage.CONTRACTED
        return True

    def _half_empty(self) -> bool:
        # From finalize on the new column is NOT NULL too: no contradiction may leave it empty.
        new = [one.new for one in self._writer.names if one.one.required]
        rows = self.model.rows.values()
        return self.stage is Stage.BOTH and any(row[name] is None for row in rows for name in new)

    def _recount(self) -> None:
        # A statement that fails counts as far as it got, and no rollback takes a count back.
        if self.stage is not Stage.OLD and not self._held:
            self.model.conflicts = self.counted()

    def _hold(self, *, commits: bool) -> None:
        released = threading.Event()
        thread = threading.Thread(target=self._wait, args=(released,), kwargs={"commits": commits})
        self._held = released, thread
        thread.start()

    def _wait(self, released: threading.Event, *, commits: bool) -> None:
        pid, looks = self._connection.info.backend_pid, int(_HELD / _LOOK)
        with psycopg.connect(self._url, autocommit=True) as watcher:
            for _ in range(looks):
                if released.wait(_LOOK):
                    break
                [(waiting,)] = watcher.execute(_WAITERS, (pid,)).fetchall()
                if waiting:
                    self.reached[Reached.AWAITED] += 1
                    break
        if commits:
            self._connection.commit()
        else:
            self._connection.rollback()


def _refusal(statement: Statement, model: Model) -> Exception | None:
    try:
        statement.effect(model)
    except (NotNullViolated, Unrepresentable) as refused:
        return refused
    return None


def _difference(found: Mapping[object, Row], wanted: Mapping[object, Row]) -> str:
    keys = [key for key in {*found, *wanted} if found.get(key) != wanted.get(key)]
    return "\n".join(f"{found.get(key)}\ninstead of {wanted.get(key)}" for key in keys)
