"""What a runner offers: the deployments of a folder's migrations, kept up with its files."""

import hashlib
from pathlib import Path
from typing import cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runner import Runner

from flows.deployments import deployments
from flows.loader import read_folder
from flows.service.record import Served
from flows.service.registering import for_runner, remove_others


class Shelf:
    """Register a folder's deployments with a runner, again whenever a file changes."""

    def __init__(self, runner: Runner, directory: Path, *, number: int) -> None:
        self._runner = runner
        self._directory = directory
        self._number = number
        self._seen: str | None = None
        self.registered: frozenset[UUID] = frozenset()

    def refresh(self) -> Served | None:
        """Register what the folder holds now; None where nothing has changed since."""
        seen = mark_of_folder(self._directory)
        if seen == self._seen:
            return None
        folder = read_folder(self._directory)
        wanted = deployments(folder.loaded)
        ids = tuple(one.id for one in folder.loaded)
        with get_client(sync_client=True) as client:
            made = [for_runner(client, one) for one in wanted]
            # The signature also promises coroutines, which only a running event loop gets.
            added = [cast("UUID", self._runner.add_deployment(one)) for one in made]
            self.registered = frozenset(added)
            there = {path.stem for path in self._directory.glob("*.py")}
            remove_others(client, self.registered, kept=there.difference(ids))
        self._seen = seen
        return Served(
            runner=self._number,
            seen=seen,
            migrations=ids,
            errors=tuple(error.what for error in folder.errors),
        )


def mark_of_folder(directory: Path) -> str:
    """Return a mark that is another one once a migration file is added, changed or removed."""
    files = sorted(directory.glob("*.py"))
    found = [(path.name, *_stamp(path)) for path in files if not path.name.startswith("_")]
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)  # removed just now
    return (found.st_mtime_ns, found.st_size)
