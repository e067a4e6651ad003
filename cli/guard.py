"""The one place where errors become words and exit codes: three parts, never a bare traceback."""

import json
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from cli.console import err
from pgtide.errors import InvalidSettings, PgtideError, Waiting
from pgtide.model.redact import redacted
from pgtide.settings import load

_LABELS: Final = MappingProxyType(
    {1: "failed", 2: "refused", 3: "waiting", 4: "mismatched", 130: "interrupted"}
)
_JSON: Final = "--json"
_USAGE: Final = 2


class Guarded(TyperGroup):
    """Run a command; print what went wrong and exit with its code."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # typer's own context
        """Note whether the answer is to be JSON, also where the command line cannot be read."""
        ctx.meta["pgtide.json"] = _JSON in args
        # As it was typed, for a remedy that repeats it.
        ctx.meta["pgtide.args"] = tuple(args)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401  # typer's own context, and whatever a command returns
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except PgtideError as error:
            _tell(ctx, error)
            raise typer.Exit(_exit_code(error)) from None
        except KeyboardInterrupt:
            _tell(ctx, _interrupted())
            raise typer.Exit(_interrupted().exit_code) from None
        except BrokenPipeError:
            raise
        except Exception as error:
            if isinstance(error, typer.Exit | typer.Abort):
                raise
            if hasattr(error, "show"):
                # A command line that cannot be read: typer shows it, but for those who read JSON.
                _show_usage(ctx, error)
                raise
            _tell(ctx, _unexpected(ctx, error))
            raise typer.Exit(1) from None


def _exit_code(error: PgtideError) -> int:
    """Return the code to end with: 0 too where a migration waits, if the settings say so."""
    if not isinstance(error, Waiting):
        return error.exit_code
    try:
        return 0 if load().waiting_ok else error.exit_code
    except InvalidSettings:
        return error.exit_code


class Interrupted(PgtideError):
    """End because a person stopped a command that was not at work on a migration."""

    exit_code = 130
    code = "interrupted"


def _interrupted() -> Interrupted:
    return Interrupted(
        "The command was interrupted.",
        state="No migration was at work in it.",
        remedy="`pgtide status` shows where things stand.",
    )


def _unexpected(ctx: typer.Context, error: Exception) -> PgtideError:
    text = redacted("".join(traceback.format_exception(error)), _url(ctx))
    return PgtideError(
        f"pgtide met with an error that it did not foresee: {type(error).__name__}: {error}.",
        state="Everything that was committed is kept; `pgtide status` shows where things stand.",
        remedy=f"The traceback is in {_written(text)}.",
    )


def _written(text: str) -> Path:
    try:
        home = load().home
    except InvalidSettings:
        home = Path(".pgtide")
    path = home / "errors" / f"{datetime.now(UTC):%Y%m%d_%H%M%S_%f}.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError:
        # Nowhere to write: then the person gets it all the same.
        err().print(text)
        return Path("the lines above")
    return path


def _tell(ctx: typer.Context, error: PgtideError) -> None:
    url = _url(ctx)
    what, state, remedy = (redacted(part, url) for part in (error.what, error.state, error.remedy))
    if ctx.meta.get("pgtide.json"):
        detail = {"code": error.code, "message": what, "state": state, "remedy": remedy}
        document = {"error": detail, **ctx.meta.get("pgtide.document", {})}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    label = _LABELS.get(error.exit_code, "failed")
    grid = Table.grid(padding=(0, 2))
    grid.add_row(Text(label, style="bold red" if error.exit_code != 3 else "bold yellow"), what)  # noqa: PLR2004
    grid.add_row(Text("state", style="bold"), state)
    grid.add_row(Text("to do", style="bold"), remedy)
    err().print(Padding(grid, (1, 0, 0, 0), expand=False))


def _show_usage(ctx: typer.Context, error: Exception) -> None:
    if ctx.meta.get("pgtide.json"):
        detail = {
            "code": "usage",
            "message": str(error),
            "state": "Nothing was changed.",
            "remedy": "`pgtide --help` lists the commands, `pgtide COMMAND --help` their options.",
        }
        print(json.dumps({"error": detail}, indent=2, ensure_ascii=False))
        raise typer.Exit(_USAGE) from None


def _url(ctx: typer.Context) -> str | None:
    url = ctx.meta.get("pgtide.url")
    if url is None:
        try:
            url = load().database_url
        except InvalidSettings:
            url = None
    return url
