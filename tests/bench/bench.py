"""A run: each comparison on one server, shown and written down."""

from rich.console import Console

from tests.bench.comparisons import COMPARISONS
from tests.bench.dataset import SETTINGS, Dataset
from tests.bench.gate import TRIES
from tests.bench.log_files import lay_in
from tests.bench.stage import Order, Stage
from tests.server import running_server


def bench(order: Order, console: Console) -> bool:
    """Measure, show and write down; tell whether every claim was kept."""
    order.place.mkdir(parents=True, exist_ok=True)
    kept = []
    with running_server(SETTINGS, on_disk=True) as server:
        lay_in(server.url)
        data = Dataset(server)
        for name, compare in COMPARISONS.items():
            if order.only in {None, name}:
                console.print()
                kept.append(compare(Stage(data, order, console)))
    if order.rounds < TRIES:
        console.print(f"{order.rounds} tries are no verdict: a claim wants {TRIES}.")
        return True
    return all(kept)
