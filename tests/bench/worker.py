"""pgtide's backfill as a process of its own: nothing else is in its memory.

`python -m tests.bench.worker URL TABLE WORKERS FAVOUR` says `ready`, waits for `go`, carries out
the phase, and prints what was seen of it.
"""

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal, Self, cast

from pgtide import Backfill, Migration
from pgtide.ledger.run import Caller
from pgtide.phases.backfill import backfill
from pgtide.phases.forward import opened
from tests.bench.bench_table import BenchTable
from tests.bench.tables import TABLES
from tests.bench.walked import Walked, watching
from tests.driving import ACTOR, settings_for

READY: Final = "ready\n"
GO: Final = "go\n"
Favour = Literal["time", "size"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """How many workers, and what they favour."""

    workers: int | Literal["auto"]
    favour: Favour = "size"

    @classmethod
    def told(cls, workers: str, favour: str) -> Self:
        """Return them as a process is told them."""
        many: int | Literal["auto"] = int(workers) if workers.isdecimal() else "auto"
        return cls(workers=many, favour=cast("Favour", favour))

    def __str__(self) -> str:
        if self.workers == "auto":
            return "pgtide, workers by itself"
        plural = "" if self.workers == 1 else "s"
        favour = "" if self.favour == "size" else f", for {self.favour}"
        return f"pgtide, {self.workers} worker{plural}{favour}"

    @property
    def arguments(self) -> tuple[str, str]:
        """Return it as the process is told."""
        return str(self.workers), self.favour


def declared(table: BenchTable, hands: Hands) -> Migration:
    """Return the table's migration, to be carried out by so many."""
    return replace(table.migration(), backfill=Backfill(workers=hands.workers, favour=hands.favour))


def work(url: str, migration: Migration) -> Walked:
    """Carry out the phase, with all that a run of pgtide's does to begin."""
    with watching() as watch:
        caller = Caller(actor=ACTOR, emit=watch.heard)
        with opened(settings_for(url), caller, migration) as run:
            backfill(run)
            return watch.walked()


def main() -> None:
    """Work when told to."""
    url, name, workers, favour = sys.argv[1:]
    hands = Hands.told(workers, favour)
    migration = declared(TABLES[name], hands)
    print(READY, end="", flush=True)
    if sys.stdin.readline() == GO:
        print(json.dumps(asdict(work(url, migration))), flush=True)


if __name__ == "__main__":
    main()
