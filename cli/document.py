"""Values as JSON: one document on stdout."""

import json
from dataclasses import asdict, is_dataclass
from datetime import datetime


def plain(value: object) -> object:
    """Return a value as JSON has it: dataclasses as objects, times as ISO 8601 in UTC."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(one) for name, one in asdict(value).items()}
    if isinstance(value, dict):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)


def show(value: object) -> None:
    """Print the one document of a command."""
    print(json.dumps(plain(value), indent=2, ensure_ascii=False))
