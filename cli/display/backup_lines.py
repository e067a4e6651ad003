"""A backup as plain lines: what begins, what ends, and every few seconds how far it is."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.text import Text

from cli.console import err
from cli.display.words import data_size, span
from pgtide.events import BackupGrew, BackupPartBegan, BackupPartEnded, Event

# As for a migration's lines.
_LINE_EVERY: Final = 3.0


class BackupLines:
    """Print what the engine does, on stderr."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def hear(self, event: Event) -> None:
        """Take in what the engine did."""
        match event:
            case BackupPartBegan(part=part):
                self._print(f"{part} begins")
            case BackupGrew(part=part, bytes=size):
                if time.monotonic() - self._last >= _LINE_EVERY:
                    self._print(f"{part}  {data_size(size)}")
            case BackupPartEnded(part=part, seconds=seconds, bytes=size):
                grown = f", {data_size(size)}" if size is not None else ""
                self._print(f"{part} done in {span(seconds)}{grown}")
            case _:
                pass

    def tell(self, text: str) -> None:
        """Say nothing: the error that ends the command follows within a moment."""
        del text

    def _print(self, text: str) -> None:
        self._last = time.monotonic()
        self._console.print(Text(f"{time.strftime('%H:%M:%S')}  {text}"), soft_wrap=True)


@contextmanager
def backup_lines() -> Iterator[BackupLines]:
    """Show a backup's progress for as long as the block runs."""
    yield BackupLines(err())
