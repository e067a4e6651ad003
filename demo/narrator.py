"""What a person reads while the demo runs: what happens, why, and the commands that do it."""

import shlex
import sys

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

# Wider lines are hard to read, and the closing screen is made for this.
WIDEST = 100


class Narrator:
    """Print chapters, sentences, commands and what the commands say."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._chapters = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapters += 1
        self._console.print()
        self._console.print(Text(f"{self._chapters}. {title}", style="bold cyan"))

    def say(self, text: str) -> None:
        """Say what happens and why."""
        self._console.print(Padding(Text(text), (0, 0, 0, 3), expand=False))

    def command(self, words: tuple[str, ...]) -> None:
        """Show a command as one would type it."""
        self._console.print(Text(f"   $ {shlex.join(words)}", style="bold"))

    def output(self, line: str) -> None:
        """Show a line that a command said."""
        self._console.print(Padding(Text(line, style="dim"), (0, 0, 0, 5), expand=False))

    def struck(self, text: str) -> None:
        """Say what was done to the migration on purpose."""
        self._console.print(Padding(Text(text, style="bold magenta"), (0, 0, 0, 3), expand=False))


def console() -> Console:
    """Return the demo's console: as wide as the terminal, but no wider than is easy to read."""
    plain = Console(file=sys.stdout, highlight=False, markup=False, emoji=False)
    return Console(
        file=sys.stdout,
        highlight=False,
        markup=False,
        emoji=False,
        width=min(plain.width, WIDEST),
    )
