"""Where text goes: results to stdout, progress and errors to stderr."""

import sys

from rich.console import Console
from rich.text import Text


def out() -> Console:
    """Return the console for results."""
    return Console(highlight=False, markup=False, emoji=False)


def err() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(*lines: str | Text) -> None:
    """Print lines of a result."""
    console = out()
    for line in lines:
        # What reads a pipe takes lines as they are.
        console.print(line, soft_wrap=not console.is_terminal)


def note(line: str) -> None:
    """Print a line beside the result, on stderr."""
    err().print(line, style="dim")


def interactive() -> bool:
    """Tell whether a person can answer a question."""
    return sys.stdin.isatty() and sys.stdout.isatty()
