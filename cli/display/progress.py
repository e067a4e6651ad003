"""Progress while a command works: a live picture on a terminal, one plain line elsewhere."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cli.console import err
from cli.display.screen import figures, screen, waits
from cli.display.view import View, follow, sentence
from cli.display.watch import Watch
from cli.display.words import span
from pgtide.events import Event, LockWaited, PhaseBegan, PhaseEnded, RunBegan, RunEnded
from pgtide.settings import Settings

# Often enough to see that it lives, seldom enough for a log.
_LINE_EVERY: Final = 3.0
_FRAMES: Final = 8
_LOOK_EVERY: Final = 0.2


class Progress(Protocol):
    """What a command tells its display."""

    def hear(self, event: Event) -> None:
        """Take in what the engine did."""
        ...

    def tell(self, text: str) -> None:
        """Show a sentence at the next moment; safe inside a signal handler: it prints nothing."""
        ...


@contextmanager
def progress(settings: Settings, migration_id: str, shown: Sequence[str]) -> Iterator[Progress]:
    """Show a migration's progress on stderr for as long as the block runs."""
    if settings.log == "json":
        # The notices are the log then, and nothing stands between them.
        yield _Silence()
        return
    console = err()
    with Watch(settings, migration_id) as watch:
        display = (
            _Picture(console, watch, shown, migration_id)
            if console.is_terminal and not console.is_dumb_terminal
            else _Lines(console, watch)
        )
        with display.showing():
            try:
                yield display
            finally:
                watch.end()


class _Silence:
    """Show nothing."""

    def hear(self, event: Event) -> None:
        del event

    def tell(self, text: str) -> None:
        del text


class _Heard:
    """Follow events, and keep what was told."""

    def __init__(self, console: Console, watch: Watch) -> None:
        self._console = console
        self._watch = watch
        self._view = View()
        self._told: str | None = None

    def hear(self, event: Event) -> None:
        self._view = follow(self._view, event)
        if isinstance(event, RunBegan | RunEnded):
            self._told = None
        text = sentence(event)
        if text:
            self._print(text)

    def tell(self, text: str) -> None:
        self._told = text

    def _print(self, text: str) -> None:
        self._console.print(text, style="dim")


class _Picture(_Heard):
    """Draw the run, again and again, in one place."""

    def __init__(self, console: Console, watch: Watch, shown: Sequence[str], title: str) -> None:
        super().__init__(console, watch)
        self._title = title
        self._shown = shown
        self._spinner = Spinner("dots", style="cyan")

    def __rich__(self) -> RenderableType:
        picture = screen(
            self._view, self._watch.newest, self._shown, self._spinner, told=self._told
        )
        return Group(Text(self._title, style="bold"), picture)

    @contextmanager
    def showing(self) -> Iterator[None]:
        with Live(self, console=self._console, refresh_per_second=_FRAMES):
            yield


class _Lines(_Heard):
    """Print a line when something begins or ends, and one every few seconds in between."""

    @contextmanager
    def showing(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._run, args=(over,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def hear(self, event: Event) -> None:
        super().hear(event)
        match event:
            case PhaseBegan(phase=phase):
                self._print(f"{phase} begins")
            case PhaseEnded():
                rows = f", {event.rows:,} rows" if event.rows is not None else ""
                self._print(f"{event.phase} done in {span(event.seconds)}{rows}")
            case LockWaited():
                self._print(waits(self._view, None) or "")
            case _:
                pass

    def _run(self, over: threading.Event) -> None:
        told, last = None, time.monotonic()
        while not over.wait(_LOOK_EVERY):
            if self._told != told:
                told = self._told
                if told:
                    self._print(told)
            if time.monotonic() - last >= _LINE_EVERY:
                last = time.monotonic()
                self._line()

    def _line(self) -> None:
        view, status = self._view, self._watch.newest
        if view.phase is None:
            return
        found = [part for part in (figures(view, status), waits(view, status)) if part]
        if found:
            self._print("  ".join([view.phase, *found]))

    def _print(self, text: str) -> None:
        # Logs are read by machines and through pipes: no wrapping, no styles.
        self._console.print(
            Text(f"{time.strftime('%H:%M:%S')}  {text}"), soft_wrap=True, style=None
        )
