"""The application as the bench sees it: started, stopped, and asked how long its users waited."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final

from tests.bench.application import Entry

# Connections made, plans cached, the first pages read.
_WARM_SECONDS: Final = 1.0
_HUNDREDTHS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long statements took, from when they were due; None where none was.

    `per_second` counts those that had their answer while the act lasted.
    """

    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    failures: int
    per_second: float


def beside(url: str, rows: int, act: Callable[[], object]) -> Waits:
    """Act while the application works, and return what it saw meanwhile."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.application", url, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        time.sleep(_WARM_SECONDS)
        begun = time.monotonic()
        act()
        ended = time.monotonic()
        said, _ = process.communicate("")
    assert process.returncode == 0
    return waits(json.loads(said), begun=begun, ended=ended)


def waits(entries: Sequence[Entry], *, begun: float, ended: float) -> Waits:
    """Sum up what was due from the begin of an act to its end."""
    concerned = [entry for entry in entries if begun <= entry[0] < ended]
    took = [1000 * entry[1] for entry in concerned]
    return Waits(
        p50_ms=median(took) if took else None,
        p99_ms=quantiles(took, n=_HUNDREDTHS, method="inclusive")[-1] if len(took) > 1 else None,
        max_ms=max(took, default=None),
        failures=sum(entry[2] for entry in concerned),
        per_second=sum(begun <= entry[0] + entry[1] < ended for entry in entries) / (ended - begun),
    )


def medians(tries: Sequence[Waits]) -> Waits:
    """Return the medians of several; failures are added up."""
    return Waits(
        p50_ms=_median([one.p50_ms for one in tries]),
        p99_ms=_median([one.p99_ms for one in tries]),
        max_ms=_median([one.max_ms for one in tries]),
        failures=sum(one.failures for one in tries),
        per_second=median(one.per_second for one in tries),
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [one for one in values if one is not None]
    return median(known) if known else None
