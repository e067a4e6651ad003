"""Which processes the demo has started: so that somebody can look whether they are gone."""

from dataclasses import dataclass

from pgtide.postgres.embedded.process import started


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process, and when it began by the system's own count; None where it had already ended."""

    what: str
    pid: int
    started: str | None


class Roll:
    """Note processes as they start."""

    def __init__(self) -> None:
        self._processes: list[Process] = []

    def note(self, what: str, pid: int) -> None:
        """Note a process that has just been started."""
        self._processes.append(Process(what=what, pid=pid, started=started(pid)))

    @property
    def processes(self) -> tuple[Process, ...]:
        """Return all of them, in the order in which they began."""
        return tuple(self._processes)
