"""The `pgtide` command: parses, calls a use case or a flow, prints."""

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from cli import (
    approve,
    backup,
    contract,
    create,
    demo,
    deployments,
    down,
    history,
    join,
    pause,
    plan,
    postgres,
    purge,
    quarantine,
    restore,
    resume,
    serve,
    status,
    throttle,
    up,
    verify,
)
from cli.guard import Guarded
from cli.options import Options

app = typer.Typer(
    name="pgtide",
    cls=Guarded,
    help="Change a live PostgreSQL database without stopping the application that uses it.",
    epilog="Exit codes: 0 done, 1 failed, 2 refused, 3 paused or waiting, 4 mismatches, "
    "130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for one in (
    create, plan, up, join, status, history, pause, resume, throttle, quarantine, verify, approve,
    contract, purge, down, backup, restore, serve, deployments, demo,
):  # fmt: skip
    one.register(app)
app.add_typer(postgres.app, name="postgres")


def _version(asked: bool) -> None:
    if asked:
        print(f"pgtide {version('pgtide')}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    database_url: Annotated[
        str | None,
        typer.Option(help="The target; else DATABASE_URL, else the embedded server if it runs."),
    ] = None,
    migrations: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder of migration files; else PGTIDE_MIGRATIONS."),
    ] = None,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Change a live PostgreSQL database without stopping the application that uses it."""
    del show_version
    ctx.obj = Options(database_url=database_url, migrations=migrations)
