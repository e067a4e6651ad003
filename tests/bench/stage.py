"""What every comparison works with: the data, the order, the screen, and where figures go."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from tests.bench.dataset import Dataset
from tests.bench.gate import Gate
from tests.bench.machine import Machine, load, machine
from tests.bench.screen import show_gates


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to measure, on how many rows, how often, and where to write it down."""

    rows: int
    rounds: int
    only: str | None
    place: Path


class Stage:
    """One comparison's: its progress counts from when it began."""

    def __init__(self, data: Dataset, order: Order, console: Console) -> None:
        self.data = data
        self.order = order
        self.console = console
        self.say = _progress()
        self._load_before = load()

    def machine(self) -> Machine:
        """Describe the machine as it is now, and how busy it was before."""
        return machine(self.data.url, load_before=self._load_before)

    def judge(self, title: str, gates: Sequence[Gate]) -> bool:
        """Show what is claimed; tell whether all of it was kept."""
        show_gates(self.console, title, gates)
        self.console.print(self.machine().sentence)
        return all(gate.kept for gate in gates)

    def write(self, name: str, document: object) -> None:
        """Write figures down."""
        text = json.dumps(document, indent=2) + "\n"
        (self.order.place / f"{name}.json").write_text(text, encoding="utf-8")

    def write_run(self, name: str, gates: Sequence[Gate], **rest: object) -> None:
        """Write down figures with the claims about them and the machine they were measured on."""
        claims = [asdict(gate) for gate in gates]
        self.write(name, {"machine": asdict(self.machine()), **rest, "claims": claims})


def _progress() -> Callable[[str], None]:
    begun = time.monotonic()
    return lambda what: print(f"{time.monotonic() - begun:6.0f} s  {what}", file=sys.stderr)
