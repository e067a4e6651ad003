"""Where the service keeps its files, inside PGTIDE_HOME."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the service of one home."""

    home: Path

    @property
    def folder(self) -> Path:
        """Return the folder itself."""
        return self.home.absolute() / "serve"

    @property
    def postgres(self) -> Path:
        """Return the home of the embedded PostgreSQL, which `pgtide postgres` starts too."""
        return self.home / "postgres"

    @property
    def lock(self) -> Path:
        """Return the file that is locked for as long as a service runs."""
        return self.folder / "lock"

    @property
    def record(self) -> Path:
        """Return the file that says what runs."""
        return self.folder / "service.json"

    @property
    def served(self) -> Path:
        """Return the file that says what is on offer."""
        return self.folder / "served.json"

    @property
    def cut_off(self) -> Path:
        """Return the file that names the flow runs which the last stop has cut off."""
        return self.folder / "cut_off.json"

    @property
    def answer(self) -> Path:
        """Return the file for what a service that runs by itself says at its end."""
        return self.folder / "answer.json"

    @property
    def log(self) -> Path:
        """Return the log of what runs flows, and of a service that runs by itself."""
        return self.folder / "runs.log"

    @property
    def server(self) -> Path:
        """Return the folder of the Prefect server: its log, and its leases."""
        return self.folder / "server"

    @property
    def runner(self) -> Path:
        """Return the folder that Prefect uses in the processes that run flows."""
        return self.folder / "runner"

    def make(self) -> None:
        """Make the folders; only their owner can look inside."""
        for folder in (self.folder, self.server, self.runner):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
