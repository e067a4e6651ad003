"""What a figure was measured on, and how busy that was with other things."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tests.bench.dataset import SETTINGS
from tests.small_table import run

_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine; `load` is its run queue over the last minute, before and after."""

    cpus: int
    server: str
    settings: dict[str, str]
    load_before: float
    load_after: float

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        settings = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        return (
            f"PostgreSQL {self.server} on {self.cpus} cores, {settings}; the machine's load was "
            f"{self.load_before:.1f} before and {self.load_after:.1f} after"
        )


def load() -> float:
    """Return the length of the run queue over the last minute."""
    return os.getloadavg()[0]


def machine(url: str, *, load_before: float) -> Machine:
    """Describe the machine at the end of a run."""
    [(version,)] = run(url, "SHOW server_version")
    return Machine(
        cpus=os.cpu_count() or 1,
        server=str(version),
        settings=SETTINGS,
        load_before=load_before,
        load_after=load(),
    )


def full_pages(url: str) -> bool:
    """Tell whether images of whole pages go to the log."""
    return run(url, "SHOW full_page_writes") == [("on",)]


@contextmanager
def without_full_pages(url: str) -> Iterator[None]:
    """Keep images of whole pages out of the log while the block runs."""
    _set_full_pages(url, wanted="off")
    try:
        yield
    finally:
        _set_full_pages(url, wanted="on")


def _set_full_pages(url: str, *, wanted: str) -> None:
    run(url, f"ALTER SYSTEM SET full_page_writes = {wanted}", "SELECT pg_reload_conf()")
    deadline = time.monotonic() + _PATIENCE
    while run(url, "SHOW full_page_writes") != [(wanted,)]:
        assert time.monotonic() < deadline, "the server does not heed full_page_writes"
        time.sleep(0.05)
