"""What Prefect costs: on a table without rows, in task runs, and beside a backfill without it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.bench import empty_table, task_runs
from tests.bench.backfill import Race, Tries
from tests.bench.contenders.inside_prefect import CONTROL, INSIDE, TWIN, contenders
from tests.bench.contenders.pgtide_workers import TWO_WORKERS
from tests.bench.dataset import Dataset
from tests.bench.rotation import rotated
from tests.bench.tables import STRATEGY
from tests.bench.task_runs import Counted
from tests.prefect_server import PrefectApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Orchestrated:
    """What was measured.

    Seconds of an empty table's flow in this process, and in one as a runner starts it, alone and
    with its start; task runs; and of each contender the seconds from the first batch to the
    last, and of all it does.
    """

    here: tuple[float, ...]
    by_runner: tuple[tuple[float, float], ...]
    counted: Counted
    rows: int
    walked: dict[str, tuple[float, ...]]
    whole: dict[str, tuple[float, ...]]

    def ratio(self, name: str) -> float:
        """Return a contender's time, of that without Prefect."""
        without = (*self.walked[TWO_WORKERS.name], *self.walked[TWIN.name])
        return median(self.walked[name]) / median(without)

    @property
    def inside(self) -> float:
        """Return the time inside Prefect, of that without."""
        return self.ratio(INSIDE)

    @property
    def control(self) -> float:
        """Return the time of the control, of that without Prefect."""
        return self.ratio(CONTROL)

    @property
    def noise(self) -> float:
        """Return by how much of its time the backfill without Prefect differs from itself."""
        one, other = (median(self.walked[each.name]) for each in (TWO_WORKERS, TWIN))
        return abs(one - other) / min(one, other)

    def document(self) -> dict[str, object]:
        """Return it as it is written down."""
        derived = {"inside": self.inside, "control": self.control, "noise": self.noise}
        return {**asdict(self), **derived}


def measure(
    data: Dataset, api: PrefectApi, *, rows: int, rounds: int, say: Callable[[str], None]
) -> Orchestrated:
    """Measure all three."""
    here, by_runner = _empty(data, api, rounds, say)
    with data.copy(data.table(STRATEGY, task_runs.ROWS)) as url:
        counted = task_runs.count(api, url)
    say(f"orchestration, {counted.slices:,} slices: {counted.task_runs:,} task runs")
    race = Race(table=STRATEGY, rows=rows, contenders=contenders(api.url))
    tries = Tries(data, race)
    *rivals, control = race.contenders
    # Once: it takes many times as long.
    for contender in (*rotated(rivals, rounds), control):
        seconds = tries.try_alone(contender)
        say(f"orchestration, {rows:,} rows, {contender.name}: {seconds:.1f} s in all")
    found = tries.compared().tries
    return Orchestrated(
        here=here,
        by_runner=by_runner,
        counted=counted,
        rows=rows,
        walked={
            name: tuple(one.walked.seconds for one in each if one.walked)
            for name, each in found.items()
        },
        whole={name: tuple(one.seconds for one in each) for name, each in found.items()},
    )


def _empty(
    data: Dataset, api: PrefectApi, rounds: int, say: Callable[[str], None]
) -> tuple[tuple[float, ...], tuple[tuple[float, float], ...]]:
    here, by_runner = [], []
    empty = data.table(STRATEGY, 0)
    for number in range(rounds):
        with TemporaryDirectory(prefix="pgtide-bench-") as folder:
            with data.copy(empty) as url:
                here.append(empty_table.here(api, url, Path(folder) / "here"))
            with data.copy(empty) as url:
                by_runner.append(empty_table.by_runner(api, url, Path(folder) / "runner"))
        say(f"orchestration, an empty table, round {number + 1}: {here[-1]:.1f} s")
    return tuple(here), tuple(by_runner)
