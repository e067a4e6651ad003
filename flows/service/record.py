"""What another process finds: the record of what runs, and what is on offer."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from flows.service.part import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A service: who owns it, where people look, and what ends with it.

    `postgres`: the embedded PostgreSQL was started for it.
    """

    owner: Part
    url: str
    postgres: bool
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What a runner offers: migrations by their ids, and why the others' files are left out.

    `seen` is a mark of the folder as it was then.
    """

    runner: int
    seen: str
    migrations: tuple[str, ...]
    errors: tuple[str, ...]


def write(path: Path, value: Record | Served) -> None:
    """Write a value down, whole or not at all."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps(asdict(value)), encoding="utf-8")
    fresh.replace(path)


def read_record(path: Path) -> Record | None:
    """Return the record, or None where there is none."""
    found = _found(path)
    if found is None:
        return None
    return Record(
        owner=Part(**found["owner"]),
        url=found["url"],
        postgres=found["postgres"],
        parts=tuple(Part(**one) for one in found["parts"]),
    )


def read_served(path: Path) -> Served | None:
    """Return what is on offer, or None where nothing was yet."""
    found = _found(path)
    if found is None:
        return None
    return Served(
        runner=found["runner"],
        seen=found["seen"],
        migrations=tuple(found["migrations"]),
        errors=tuple(found["errors"]),
    )


def _found(path: Path) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found
