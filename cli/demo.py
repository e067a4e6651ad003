"""`pgtide demo`: the whole of it, on this machine."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option(help="Leave the server running afterwards.")] = False,
) -> None:
    """Run one migration end to end on the embedded server, under load, killed once on the way."""
    from demo.main import run

    raise typer.Exit(run(keep=keep))
