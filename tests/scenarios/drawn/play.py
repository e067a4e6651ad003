"""Go through a drawn case from its first row to what its fate leaves, and look at every turn."""

import difflib
from collections import Counter
from contextlib import closing

import psycopg

from pgtide.errors import Refused
from pgtide.events import BatchBegan, Event, PhaseEnded, SlicesCut, StepBegan, SweepEnded
from pgtide.model.state import Phase, State
from pgtide.phases.fitting import Contradicted
from pgtide.phases.verify import MismatchedRows
from tests import later
from tests.contracting import dump
from tests.driving import migrate, record_of, undo
from tests.scenarios.drawn.application import Application, Violated
from tests.scenarios.drawn.archive import archived
from tests.scenarios.drawn.case import MIGRATION_ID, Case, Fate
from tests.scenarios.drawn.reached import Reached
from tests.scenarios.drawn.rules import Stage

_TRIES = 4
_LEFT = """
SELECT 'relation ' || relname FROM pg_class WHERE relnamespace = 'pgtide'::regnamespace
   AND relname LIKE 'm\\_%'
UNION ALL SELECT 'function ' || proname FROM pg_proc
 WHERE pronamespace = 'pgtide'::regnamespace AND proname LIKE 'm\\_%'
UNION ALL SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgname LIKE '~zz%'
UNION ALL SELECT 'column ' || attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
 WHERE attname LIKE '\\_pgtide\\_%' AND relkind = 'r' AND NOT attisdropped
"""


class Play:
    """Drive a migration, and let the application write at the moments of the script."""

    def __init__(self, url: str, case: Case) -> None:
        self.url = url
        self.case = case
        self.app = Application(url, case)
        self._script = list(case.script)
        self._batches = 0
        # Whether a transaction was open when the last phase ended.
        self._late = False

    def hear(self, event: Event) -> None:
        """Let the application write when the engine comes to a moment of the script."""
        match event:
            case BatchBegan(kind="walk" | "sweep"):
                self._batches += 1
                self._moment(f"batch {self._batches}")
            case StepBegan(step=step):
                part = step.split(".")[0]
                self._moment(f"step {part}" if part == "finalize" else f"step {step}")
                if step == "undo.shape":
                    self._moment("undoing")
            case SlicesCut(passes=passes) if passes > 1:
                self.app.reached[Reached.SEVERAL_PASSES] += 1
            case SlicesCut() if self.case.walk == "key":
                self.app.reached[Reached.BY_KEY] += 1
            case SweepEnded():
                self._moment("sweep")
            case PhaseEnded(phase=phase):
                self._late = self.app.holding
                self.app.observe()
                self._moment(f"phase {phase}")

    def forward(self) -> None:
        """Go to the end of verification, after which every row must be in step."""
        for _ in range(_TRIES):
            try:
                migrate(self.url, self.case.migration, emit=self.hear)
            except (Contradicted, MismatchedRows):
                self.app.observe()
                if not self.app.astray():
                    raise
            else:
                break
        self.app.observe()
        astray = self.app.astray(late=self._late)
        if astray:
            raise Violated(f"verified, and out of step: {astray[0]}")
        if self.app.counted() != self.app.model.conflicts:
            counted = self.app.counted()
            raise Violated(f"{counted} contradictions, not {self.app.model.conflicts}")

    def contract(self) -> None:
        """Contract, verifying again where a write has contradicted itself since."""
        for _ in range(_TRIES):
            conflicts = self.app.model.conflicts
            try:
                later.contract(self.url, MIGRATION_ID, emit=self.hear)
            except Refused:
                if conflicts == self.app.model.conflicts == 0:
                    raise
                self.forward()
            else:
                break
        self.app.observe()
        self._moment("contracted")

    def end(self, fate: Fate) -> None:
        """Go to the end of a case."""
        match fate:
            case Fate.UNDONE_UNFILLED:
                migrate(self.url, self.case.migration, until=Phase.EXPAND, emit=self.hear)
            case Fate.UNDONE:
                self.forward()
            case Fate.CONTRACTED_UNDONE | Fate.PURGED:
                self.forward()
                self._moment("verified")
                self.contract()
        self._moment("verified")
        if fate is Fate.PURGED:
            later.purge(self.url, MIGRATION_ID, emit=self.hear)
        else:
            undo(self.url, MIGRATION_ID, emit=self.hear)
        self.app.observe()
        self._moment("end")
        self._rest()
        self.app.observe()

    def begin(self) -> None:
        """Write what comes before the migration."""
        self._moment("before")

    def _moment(self, name: str) -> None:
        due = [one for one in self._script if one[0] == name]
        self._script = [one for one in self._script if one[0] != name]
        for _, transaction in due:
            self.app.write(transaction)

    def _rest(self) -> None:
        for name in dict(self._script):
            self._moment(name)


def play(url: str, case: Case) -> Counter[Reached]:
    """Go through a case and return what it came to; raises Violated."""
    with psycopg.connect(url, autocommit=True) as connection:
        case.table.create(connection)
    shape = dump(url)
    run = Play(url, case)
    with closing(run.app):
        run.begin()
        run.end(case.fate)
        _compare(run, shape)
    return +run.app.reached


def _compare(run: Play, shape: str) -> None:
    state = record_of(run.url, MIGRATION_ID).state
    purged = run.case.fate is Fate.PURGED
    ends = (State.COMPLETED, Stage.PURGED) if purged else (State.ROLLED_BACK, Stage.OLD)
    if (state, run.app.stage) != ends:
        raise Violated(f"it ends as {state}, {run.app.stage.name}")
    with psycopg.connect(run.url) as connection:
        left = connection.execute(_LEFT.encode()).fetchall()
        kept = archived(connection, run.case)
    # Without a key a row is kept under the whole of itself.
    if not purged and run.case.table.key_columns and kept != run.app.lost:
        raise Violated(f"the archive has {kept}, and must have {run.app.lost}")
    if left:
        raise Violated(f"left over: {left}")
    after = dump(run.url)
    if not purged and after != shape:
        raise Violated("\n".join(difflib.unified_diff(shape.splitlines(), after.splitlines())))
