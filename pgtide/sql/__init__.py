"""Named queries, read once from the `.sql` files beside this one.

A query begins with a line `-- name --` and goes on with one sentence that says what it is for.
"""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_HEADER: Final = re.compile(r"^-- (\w+) --$", re.MULTILINE)


@cache
def queries(name: str) -> Mapping[str, str]:
    """Return the queries of `name.sql` by their names."""
    parts = _HEADER.split((files(__name__) / f"{name}.sql").read_text(encoding="utf-8"))
    return MappingProxyType(dict(zip(parts[1::2], (p.strip() for p in parts[2::2]), strict=True)))


def script(name: str) -> str:
    """Return a whole `.sql` file: an upgrade of the ledger."""
    return (files(__name__) / f"{name}.sql").read_text(encoding="utf-8")
