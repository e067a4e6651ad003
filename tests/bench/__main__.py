"""`make bench`: measure, show, and end with 1 where a claim was not kept."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from tests.bench.bench import bench
from tests.bench.comparisons import COMPARISONS
from tests.bench.gate import TRIES
from tests.bench.screen import WIDTH
from tests.bench.stage import Order


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=TRIES)
    parser.add_argument("--only", choices=tuple(COMPARISONS))
    parser.add_argument("--place", type=Path, default=Path("build/bench"))
    asked = parser.parse_args()
    order = Order(rows=asked.rows, rounds=asked.rounds, only=asked.only, place=asked.place)
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    sys.exit(0 if bench(order, console) else 1)


if __name__ == "__main__":
    main()
