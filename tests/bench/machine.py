"""What a figure was measured on, and how busy that was with other things."""

import os
from dataclasses import dataclass

from tests.bench.dataset import SETTINGS
from tests.small_table import run


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
