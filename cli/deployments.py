"""`pgtide deployments`: how each migration can be started from Prefect; the file for that."""

from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.table import Table

from cli.console import out, say
from cli.document import show
from cli.flow import importable
from cli.options import Json, without_database
from pgtide.errors import Refused

if TYPE_CHECKING:
    from flows.deployments import Deployment

_FILE: Final = Path("deployments") / "prefect.yaml"

Write = Annotated[bool, typer.Option("--write", help=f"Write {_FILE}, for `prefect deploy`.")]


class Kind(StrEnum):
    """The kinds of pools that the file knows."""

    PROCESS = "process"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"


Pool = Annotated[
    Kind, typer.Option("--pool", metavar="KIND", help=f"The kind of pool: {', '.join(Kind)}.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(deployments)


def deployments(
    ctx: typer.Context, *, write: Write = False, pool: Pool = Kind.PROCESS, as_json: Json = False
) -> None:
    """Show the deployments of every migration file, or write the file for `prefect deploy`."""
    found = _found(without_database(ctx).migrations_dir)
    if write:
        from flows.prefect_yaml import prefect_yaml

        _FILE.parent.mkdir(exist_ok=True)
        _FILE.write_text(prefect_yaml(found, pool=pool.value), encoding="utf-8")
    if as_json:
        show(found)
    elif write:
        say(f"{_FILE} is written: {len(found)} deployments, for a {pool} pool.")
    else:
        out().print(_table(found))


def _found(directory: Path) -> Sequence["Deployment"]:
    with importable():
        from flows.deployments import deployments as deployments_of
        from flows.loader import load_migrations
    here = [replace(one, path=_relative(one.path)) for one in load_migrations(directory.absolute())]
    return deployments_of(here)


def _relative(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        raise Refused(
            f"{path} is not below this folder.",
            state="Nothing was written.",
            remedy="Run the command in the project's folder: workers find the files from there.",
        ) from None


def _table(found: Sequence["Deployment"]) -> Table:
    table = Table("deployment", "starts by itself", box=None, pad_edge=False)
    for one in found:
        when = "; ".join(f"{each.cron or each.slug} {each.zone}" for each in one.schedules)
        table.add_row(one.full_name, when or "no")
    return table
