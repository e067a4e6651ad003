"""A run: each comparison on one server, shown and written down."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from pgtide.postgres.embedded import Server
from tests.bench import backfill, backfill_gates, undo, undo_gates
from tests.bench.dataset import SETTINGS, Dataset
from tests.bench.gate import TRIES
from tests.bench.machine import load, machine
from tests.bench.screen import show_backfill, show_gates, show_undo
from tests.server import running_server

# The undo's smaller table, of the rows asked for: 0.3 and 3 million of one.
_UNDO_SHARE: Final = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to measure, on how many rows, how often, and where to write it down."""

    rows: int
    rounds: int
    only: str | None
    place: Path


def bench(order: Order, console: Console) -> bool:
    """Measure, show and write down; tell whether every claim was kept."""
    order.place.mkdir(parents=True, exist_ok=True)
    kept = []
    with running_server(SETTINGS) as server:
        for name, measure in _COMPARISONS.items():
            if order.only in {None, name}:
                kept.append(measure(server, order, console))
    if order.rounds < TRIES:
        console.print(f"{order.rounds} tries are no verdict: a claim wants {TRIES}.")
        return True
    return all(kept)


def _undo(server: Server, order: Order, console: Console) -> bool:
    before = load()
    rows = max(1, round(order.rows * _UNDO_SHARE))
    measured = undo.measure(Dataset(server), rows=rows, rounds=order.rounds, say=_progress())
    gates = undo_gates.gates(measured)
    on = machine(server.url, load_before=before)
    console.print()
    show_undo(console, measured)
    show_gates(console, "claims", gates)
    console.print(on.sentence)
    document = {
        "machine": asdict(on),
        "undone": [
            {
                "way": one.way,
                "rows": one.rows,
                "hold_seconds": one.hold,
                "waited_seconds": one.waited,
                "noise_seconds": one.noise,
                "tries": [asdict(each) for each in one.tries],
            }
            for one in measured
        ],
        "claims": [asdict(gate) for gate in gates],
    }
    _write(document, order.place / "undo.json")
    return all(gate.kept for gate in gates)


def _backfill(server: Server, order: Order, console: Console) -> bool:
    before = load()
    compared = backfill.compare(
        Dataset(server), rows=order.rows, rounds=order.rounds, say=_progress()
    )
    gates = backfill_gates.gates(compared)
    on = machine(server.url, load_before=before)
    console.print()
    show_backfill(console, compared)
    show_gates(console, "pgtide, 1 worker: aims, not promised yet", gates)
    console.print(on.sentence)
    _write([asdict(one) for one in compared.figures], order.place / "backfill.json")
    rest = {
        "machine": asdict(on),
        "idle": asdict(compared.idle),
        "seconds": compared.seconds,
        "aims": [asdict(gate) for gate in gates],
    }
    _write(rest, order.place / "backfill_run.json")
    return True


def _write(document: object, path: Path) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _progress() -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda what: print(f"{time.monotonic() - begun:6.0f} s  {what}", file=sys.stderr)


_COMPARISONS: Final[dict[str, Callable[[Server, Order, Console], bool]]] = {
    "undo": _undo,
    "backfill": _backfill,
}
COMPARISONS: Final = tuple(_COMPARISONS)
