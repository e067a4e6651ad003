"""`pgtide demo`: one real migration on this machine, with what can go wrong on the way."""

import signal
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from demo import narrator, promises, screen
from demo.database import ROWS
from demo.narrator import Narrator
from demo.place import cleared_place
from demo.result import Result
from demo.stage import set_up
from demo.story import tell
from pgtide.settings import Settings, load


def run(*, keep: bool, rows: int | None = None) -> int:
    """Play the demo; return 1 where a promise was broken, else 0.

    It has servers of its own and never touches DATABASE_URL. Raises what stops it; every process
    that it started is stopped then too.
    """
    settings = load()
    console = narrator.console()
    # As Ctrl-C: what was started is stopped, in order.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with cleared_place(settings.home) as place:
        result, look = _play(place, settings, console, keep=keep, rows=rows or ROWS)
        promises.write(result, place / "result.json")
        screen.show(console, result)
        console.print(look)
    return 1 if any(one.kept is False for one in promises.promises(result)) else 0


def _play(
    place: Path, settings: Settings, console: Console, *, keep: bool, rows: int
) -> tuple[Result, Text]:
    told = Narrator(console)
    told.say("pgtide demo: a migration of a table in use. PostgreSQL and Prefect are starting ...")
    with (
        set_up(place, settings, told, keep=keep, rows=rows) as stage,
        ExitStack() as actors,
    ):
        result = tell(stage, actors)
        look = (
            screen.how_to_look_around(stage.environment["PGTIDE_HOME"], stage.prefect)
            if stage.prefect
            else screen.where_to_look(place)
        )
    return result, look
