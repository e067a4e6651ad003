"""Artifacts: what a flow run pins up for people, best effort.

They are posted by a thread of their own: a server that is slow or away costs the migration nothing.
"""

import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast
from uuid import UUID

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

Logger = logging.Logger | logging.LoggerAdapter[Any]

# How long the end of a run waits for the last artifacts.
_LAST_WORDS: Final = 5.0


def artifact_key(kind: str, migration_id: str) -> str:
    """Return the key of a migration's artifact of a kind; Prefect wants no underscore in it."""
    return f"{kind}-{migration_id.replace('_', '-').lower()}"


class Noticeboard:
    """Post artifacts under the keys of one migration, in order, without waiting for the server."""

    def __init__(self, migration_id: str, logger: Logger) -> None:
        self._migration_id = migration_id
        self._logger = logger
        self._work: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._progress: UUID | None = None
        # The context knows which flow run the artifacts belong to.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._post,), name="noticeboard", daemon=True
        )

    @contextmanager
    def open(self) -> Iterator[None]:
        """Post what is pinned up inside the block; wait for the last of it, but not for long."""
        self._thread.start()
        try:
            yield
        finally:
            self._work.put(None)
            self._thread.join(_LAST_WORDS)

    def markdown(self, kind: str, text: str, description: str) -> None:
        """Pin up a text."""
        key = artifact_key(kind, self._migration_id)
        self._work.put(lambda: create_markdown_artifact(text, key=key, description=description))

    def table(self, kind: str, rows: list[dict[str, Any]], description: str) -> None:
        """Pin up a table."""
        key = artifact_key(kind, self._migration_id)
        self._work.put(lambda: create_table_artifact(rows, key=key, description=description))

    def progress(self, percent: float, description: str) -> None:
        """Pin up how far the backfill is, or move what is there."""
        self._work.put(lambda: self._move(percent, description))

    def _move(self, percent: float, description: str) -> None:
        if self._progress is None:
            key = artifact_key("progress", self._migration_id)
            made = create_progress_artifact(percent, key=key, description=description)
            # The signature also promises a coroutine, which only a running event loop gets.
            self._progress = cast("UUID", made)
        else:
            update_progress_artifact(self._progress, percent, description=description)

    def _post(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception as error:  # noqa: BLE001  # whatever ails the server, it is not the migration's
                self._logger.warning("An artifact was not posted: %s", error)
