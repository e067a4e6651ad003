"""`pgtide demo`: the whole of it, on this machine."""

from typing import Annotated, Final

import typer

# With fewer there is no row to spoil, and a backfill is over before anybody can kill it.
_FEWEST: Final = 3000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    *,
    keep: Annotated[bool, typer.Option(help="Leave the servers running afterwards.")] = False,
    rows: Annotated[int | None, typer.Option(min=_FEWEST, hidden=True)] = None,
) -> None:
    """Run one migration end to end on the embedded server, under load, killed once on the way."""
    from demo.main import run

    raise typer.Exit(run(keep=keep, rows=rows))
