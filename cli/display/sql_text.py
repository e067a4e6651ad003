"""SQL as people read it: broken before its clauses, wrapped with a hanging indent."""

import re
import textwrap
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

# Breaking before these words keeps a clause together.
_CLAUSES: Final = re.compile(
    r" (?=(?:ADD COLUMN|DROP COLUMN|SET \"|WHERE |FOR EACH ROW|WHEN \(|EXECUTE FUNCTION|FROM ONLY|"
    r"RETURN \(|RETURNS |LANGUAGE |BEFORE (?:INSERT|UPDATE) ON|USING |ENABLE ALWAYS))"
)
_ASSIGNMENTS: Final = re.compile(r', (?="[^"]+" = )')
_BODY: Final = "LANGUAGE plpgsql"
_HANG: Final = "    "


def pretty(sql: str) -> str:
    """Break a statement before its clauses; a function's body stays as it is written."""
    if _BODY in sql:
        return sql
    broken = _CLAUSES.sub("\n  ", re.sub(r"\s*\n\)$", ")", sql))
    return _ASSIGNMENTS.sub(",\n      ", broken)


def wrapped(sql: str, width: int) -> str:
    """Wrap lines to a width in characters; what goes on is indented further than what began."""
    found = []
    for line in sql.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        found += textwrap.wrap(
            line,
            width,
            subsequent_indent=indent + _HANG,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
    return "\n".join(found)


class Sql:
    """A statement on a console, at whatever width it has."""

    def __init__(self, sql: str, *, style: str = "cyan") -> None:
        self._sql = sql
        self._style = style

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(wrapped(pretty(self._sql), options.max_width), style=self._style)
