"""What was said before the command's name, and the settings that follow from it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from pgtide.postgres.embedded import persistent_url
from pgtide.settings import Settings, load


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The flags that hold for every command; None where the environment decides."""

    database_url: str | None = field(default=None, repr=False)
    migrations: Path | None = None


Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
By = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who does this, for the audit.")
]
Now = Annotated[
    bool,
    typer.Option(
        "--now", help="Do not wait for the end of the span, or for the window; needs --reason."
    ),
]
Reason = Annotated[
    str | None, typer.Option("--reason", metavar="TEXT", help="Why so, for the audit.")
]
AnyId = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Any unique part of an id, or a version.")
]
OneId = Annotated[str, typer.Argument(metavar="ID", help="Any unique part of an id, or a version.")]

# Where `pgtide postgres start` keeps its server, inside PGTIDE_HOME.
SERVER: Final = "postgres"


def without_database(ctx: typer.Context) -> Settings:
    """Return the settings of a command that speaks to no database: flag, environment, default."""
    options, settings = _given(ctx), load()
    if options.database_url:
        settings = replace(settings, database_url=options.database_url)
    if options.migrations:
        settings = replace(settings, migrations_dir=options.migrations)
    return settings


def settings_of(ctx: typer.Context, *, by: str | None = None) -> Settings:
    """Return the settings of a command; the embedded server serves where no database is named.

    Raises InvalidSettings, naming both ways to a database, where there is none.
    """
    settings = without_database(ctx)
    if by:
        settings = replace(settings, actor=by)
    if not settings.database_url:
        settings = replace(settings, database_url=persistent_url(settings.home / SERVER))
    if settings.url:
        # Whoever prints an error later must know which secret to leave out.
        ctx.meta["pgtide.url"] = settings.url
    return settings


def _given(ctx: typer.Context) -> Options:
    return ctx.obj if isinstance(ctx.obj, Options) else Options()


def hurry(*, now: bool, reason: str | None) -> str | None:
    """Return the reason for not waiting; None where nobody asked not to."""
    return reason_for("--now", given=now, reason=reason)


def reason_for(flag: str, *, given: bool, reason: str | None) -> str | None:
    """Return the reason for a flag that needs one; None where the flag is not given."""
    if given and not (reason or "").strip():
        raise typer.BadParameter("needs a reason: --reason TEXT", param_hint=flag)
    return (reason or "").strip() if given else None
