"""Commands in documents and scripts, read as the command line would read them; nothing is run."""

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

from typer.main import get_command

from cli.main import app

# What stands in documents for what a person fills in.
_FILLED: Final = {
    "ID": "2.1.0",
    "GATE": "contract",
    "PHASE": "expand",
    "N": "1",
    "D": "0.5",
    "MS": "50",
}
_WORDS: Final = re.compile(r"[a-z-]+")


def mistake(typed: str) -> str | None:
    """Say what is wrong with a command that begins with `pgtide`; None where it could be run.

    One that is only named, without anything behind it, has to be there, no more.
    """
    words = shlex.split(typed, comments=True)[1:]
    if words[:1] in (["--version"], ["--help"]):
        return None
    command: Any = get_command(app)
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name not in command.commands:
            return f"{typed}: there is no command {name}"
        command = command.commands[name]
        if not words:
            return None
    return _misread(command, [_FILLED.get(word, word) for word in words], typed)


def _misread(command: Any, words: list[str], typed: str) -> str | None:
    try:
        command.make_context(command.name, words)
    except Exception as error:
        if not hasattr(error, "show"):
            raise
        return f"{typed}: {error}"
    return None


def in_text(text: str) -> Iterator[str]:
    """Give each command between backticks, and each line of an indented or fenced block."""
    for inline in re.findall(r"`([^`\n]*\bpgtide\b[^`\n]*)`", text):
        yield from in_script(inline)
    for block in re.findall(r"^```\w*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield from in_script(block)


def in_script(script: str) -> Iterator[str]:
    """Give each command of a shell script that begins with `pgtide`, wherever that is installed."""
    for line in script.replace("\\\n", " ").splitlines():
        for part in re.split(r"\||&&|;", line):
            found = re.search(r"(?:^|[\s/])(pgtide (?=[a-z-]).*)", part)
            if found and _WORDS.match(found.group(1).removeprefix("pgtide ")):
                yield found.group(1).strip()
