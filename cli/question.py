"""A question that only a typed `yes` answers."""

import shlex
from collections.abc import Iterable, Iterator
from typing import Final

import typer

from cli.console import interactive, say
from pgtide.errors import Refused

_ADDRESS: Final = "--database-url"


def asked_for_yes(
    ctx: typer.Context, title: str, lines: Iterable[str], *, name: str, as_json: bool
) -> None:
    """Show what is about to be done and ask; raises Refused unless the answer is `yes`.

    `name` is the command, with what it is done to.
    """
    if as_json or not interactive():
        command = shlex.join(["pgtide", *_repeatable(ctx.meta["pgtide.args"]), "--yes"])
        raise Refused(
            f"`pgtide {name}` needs a yes, and nobody can be asked here.",
            state="Nothing was changed.",
            remedy=f"Run `{command}`.",
        )
    say(title)
    for line in lines:
        say(f"  {line}")
    try:
        answer = input("Type yes to do it: ")
    except EOFError:
        answer = ""
    if answer.strip() != "yes":
        raise Refused(
            f"`pgtide {name}` did nothing: the answer was not `yes`.",
            state="Nothing was changed.",
            remedy="Run the command again when you are sure.",
        )


def _repeatable(args: Iterable[str]) -> Iterator[str]:
    """Leave the address out: its password is not to be printed, and masked it leads nowhere."""
    rest = iter(args)
    for one in rest:
        if one == _ADDRESS:
            next(rest, None)
        elif not one.startswith(f"{_ADDRESS}="):
            yield one
