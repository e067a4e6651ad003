"""`pgtide postgres`: the embedded server that runs until it is stopped."""

import typer

from cli.console import say
from cli.document import show
from cli.options import SERVER, Json, without_database
from pgtide.errors import Refused
from pgtide.model.redact import redacted
from pgtide.postgres.embedded import (
    ServerOptions,
    persistent_url,
    start_persistent,
    stop_persistent,
)

app = typer.Typer(
    help="The embedded server: a real PostgreSQL that needs nothing but Python.",
    no_args_is_help=True,
)


@app.command()
def start(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Start it, or find it running; commands use it where no DATABASE_URL is set."""
    settings = without_database(ctx)
    home = settings.home / SERVER
    server = start_persistent(home, ServerOptions(bin_dir=settings.postgres_bin))
    if as_json:
        show({"port": server.port, "pid": server.pid, "home": str(home)})
        return
    say(f"PostgreSQL runs at {redacted(server.url)} (pid {server.pid}), its data in {home}.")
    say("`pgtide postgres url` prints the address with its password, `pgtide postgres stop` ends.")
    if settings.database_url:
        say("DATABASE_URL is set and wins: commands use that database, not this one.")


@app.command()
def stop(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Stop it; its data stay."""
    stopped = stop_persistent(without_database(ctx).home / SERVER)
    if as_json:
        show({"stopped": stopped})
    else:
        say("PostgreSQL is stopped; its data stay." if stopped else "It was not running.")


@app.command()
def url(ctx: typer.Context, *, as_json: Json = False) -> None:
    """Print its address, password included: for `export DATABASE_URL=$(pgtide postgres url)`."""
    found = persistent_url(without_database(ctx).home / SERVER)
    if found is None:
        raise Refused(
            "The embedded server does not run.",
            state="Nothing was changed.",
            remedy="Start it with `pgtide postgres start`.",
        )
    if as_json:
        show({"url": found})
    else:
        print(found)
