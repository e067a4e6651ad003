"""Amounts as people write and read them: spans and sizes, in the units of PostgreSQL's settings."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_WRITTEN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)")
_SPANS: Final[Mapping[str, float]] = MappingProxyType(
    {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
)
_SIZES: Final[Mapping[str, float]] = MappingProxyType(
    {"B": 1.0, "kB": 1024.0, "MB": 1024.0**2, "GB": 1024.0**3, "TB": 1024.0**4}
)
# A unit is left for the next one where it would take more than so many of it.
_MANY_SECONDS: Final = 120.0
_MANY_BYTES: Final = 1024.0


def seconds(text: str) -> float:
    """Read a span such as `2s` or `10min`; raises ValueError."""
    return _read(text, _SPANS)


def size(text: str) -> float:
    """Read a size such as `256MB` as bytes; raises ValueError."""
    return _read(text, _SIZES)


def say_seconds(value: float) -> str:
    """Write a span for a sentence: `3.1 s`."""
    for unit in ("s", "min"):
        if value < _MANY_SECONDS:
            return f"{_short(value)} {unit}"
        value /= 60
    return f"{_short(value)} h"


def say_size(value: float) -> str:
    """Write a size for a sentence: `1.5 GB`."""
    units = list(_SIZES)
    for unit in units[:-1]:
        if value < _MANY_BYTES:
            return f"{_short(value)} {unit}"
        value /= 1024
    return f"{_short(value)} {units[-1]}"


def _read(text: str, units: Mapping[str, float]) -> float:
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or found[2] not in units:
        raise ValueError(f"{text!r} is not a number with one of {', '.join(units)}")
    return float(found[1]) * units[found[2]]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
