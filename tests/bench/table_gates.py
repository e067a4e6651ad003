"""What is claimed of the backfill on every other table, and under a pinned horizon."""

from collections.abc import Mapping, Sequence
from typing import Final

from tests.bench.backfill import Compared
from tests.bench.contenders import ONE_UPDATE, PGTIDE, TWO_WORKERS
from tests.bench.gate import Gate, at_most

_TIME: Final = 1.1
# Not larger; but each slice begins a page of its own, and the maps of a table grow in steps.
_TABLE: Final = 1.005


def gates(compared: Compared) -> tuple[Gate, ...]:
    """Return the claims about one table: never much slower, and never more of it left."""
    ours, peer = compared.of(TWO_WORKERS), compared.of(ONE_UPDATE)
    return (
        _time(compared),
        at_most(
            f"{compared.table}: {ours.contender}: table, of what one UPDATE leaves",
            ours.table_bytes_after / peer.table_bytes_after,
            _TABLE,
        ),
    )


def pinned_gates(compared: Compared, named: Mapping[str, Sequence[bool]]) -> tuple[Gate, ...]:
    """Return the claims for a time when no old row version may go."""
    said = [answer for one in PGTIDE for answer in named.get(one.name, ())]
    return (
        _time(compared),
        Gate(
            claim="each run of pgtide's says what pins the horizon",
            kept=bool(said) and all(said),
            measured=f"{sum(said)} of {len(said)} did",
        ),
    )


def _time(compared: Compared) -> Gate:
    ours, peer = compared.of(TWO_WORKERS), compared.of(ONE_UPDATE)
    return at_most(
        f"{compared.table}: {ours.contender}: time, of one UPDATE's",
        ours.seconds / peer.seconds,
        _TIME,
    )
