"""One way of filling the new columns of a table that is in use."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from pgtide.model.state import Phase
from tests.bench.bench_table import BenchTable
from tests.driving import migrate

# The filling itself, which alone is timed; it may return what `Walked`.
Filling = Callable[[], object]
# What is there before it begins, in the database of this address; it yields the filling.
Ready = Callable[[str, BenchTable], AbstractContextManager[Filling]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A name, and what it does.

    One that ends on no other table has one of its own, and at most so many rows. Beside one that is
    offline no application can work.
    """

    name: str
    ready: Ready
    table: BenchTable | None = None
    most_rows: int | None = None
    offline: bool = False

    def rows(self, asked: int) -> int:
        """Return the rows that it fills, where so many are asked for."""
        return asked if self.most_rows is None else min(asked, self.most_rows)


def expanded(fill: Callable[[str, BenchTable], object]) -> Ready:
    """Expand as pgtide does: the columns are there, and triggers keep every write in step."""

    @contextmanager
    def ready(url: str, table: BenchTable) -> Iterator[Filling]:
        migrate(url, table.migration(), until=Phase.EXPAND)
        yield lambda: fill(url, table)

    return ready
