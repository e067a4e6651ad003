"""A migration as its file declares it."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Final, Literal, Protocol

from semver import Version

from pgtide.errors import InvalidMigration
from pgtide.model.backfill import Backfill
from pgtide.model.performance import Performance
from pgtide.model.plan import Terms
from pgtide.model.table import TableName
from pgtide.model.window import Window

ID: Final = re.compile(r"\d{8}_\d{6}_[a-z0-9_]+")
_NOTHING: Final = "Nothing was changed."


class Declared(Protocol):
    """What a migration knows of a change: a canonical description of it."""

    def spec(self) -> Mapping[str, object]:
        """Return the change as plain values, the same for the same declaration."""
        ...


@dataclass(frozen=True, kw_only=True)
class Migration:
    """Declare what changes on one table, under a semantic version.

    `table` is `schema.table`, names as the catalog spells them; quote a part that holds a dot.
    With `dual_write="application"` a person confirms, before the backfill, that the release that
    writes both shapes is out. Contract waits for `soak` after verification, purge for `retain`
    after contract. A write after contract that the old shape cannot hold fails, or with
    `on_unrepresentable="release"` passes and gives up the way back. It is at work only inside its
    `window`, if it has one; undo is always possible. `verify` are checks of the author's own:
    queries that must not become slow.
    `id` is the file's stem and is given by the loader. Raises InvalidMigration.
    """

    version: str
    description: str
    table: str
    changes: Sequence[Declared]
    contract_release: str
    dual_write: Literal["trigger", "application"] = "trigger"
    on_unrepresentable: Literal["fail", "release"] = "fail"
    soak: timedelta = timedelta(hours=24)
    retain: timedelta = timedelta(days=7)
    backfill: Backfill = field(default_factory=Backfill)
    window: Window | None = None
    verify: Sequence[Performance] = ()
    id: str = ""

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            label = self.id or self.version
            raise InvalidMigration(
                f"migration {label}: " + "; ".join(problems) + ".",
                state=_NOTHING,
                remedy="Mend the migration file and run the command again.",
            )

    @cached_property
    def table_name(self) -> TableName:
        """Return the table's schema and name."""
        parts = split_name(self.table)
        return TableName(schema=parts[0], name=parts[1])

    @cached_property
    def checksum(self) -> str:
        """Return the SHA-256 of the canonical spec, in hex."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @cached_property
    def canonical(self) -> str:
        """Return the spec as JSON with sorted keys: what the checksum is taken of."""
        return json.dumps(self.spec(), sort_keys=True, ensure_ascii=False)

    @cached_property
    def tag(self) -> str:
        """Return the short name that everything made for this migration carries."""
        return hashlib.sha256(self.id.encode()).hexdigest()[:8]

    @property
    def terms(self) -> Terms:
        """Return what it asks for between its phases."""
        return Terms(
            contract_release=self.contract_release,
            dual_write=self.dual_write,
            on_unrepresentable=self.on_unrepresentable,
            soak=self.soak.total_seconds(),
            retain=self.retain.total_seconds(),
            window=self.window,
        )

    def spec(self) -> dict[str, object]:
        """Return the declaration as plain values."""
        return {
            "version": self.version,
            "description": self.description,
            "table": self.table,
            "contract_release": self.contract_release,
            "dual_write": self.dual_write,
            "on_unrepresentable": self.on_unrepresentable,
            "soak_seconds": self.soak.total_seconds(),
            "retain_seconds": self.retain.total_seconds(),
            "backfill": dict(self.backfill.spec()),
            "window": dict(self.window.spec()) if self.window else None,
            "changes": [dict(change.spec()) for change in self.changes],
            "verify": [dict(check.spec()) for check in self.verify],
        }

    def _problems(self) -> Sequence[str]:
        found = []
        if self.id and not ID.fullmatch(self.id):
            found.append("its file must be named YYYYMMDD_HHMMSS_slug.py, in ASCII")
        for label, value in (
            ("version", self.version),
            ("contract_release", self.contract_release),
        ):
            if not Version.is_valid(value):
                found.append(f"{label} {value!r} is not a semantic version such as 2.1.0")
        if not found and Version.parse(self.contract_release) <= Version.parse(self.version):
            later = f"must be later than version {self.version}"
            found.append(f"contract_release {self.contract_release} {later}")
        if len(split_name(self.table)) != 2:  # noqa: PLR2004
            found.append(f"table {self.table!r} must be written schema.table")
        found += self._term_problems()
        found += self.backfill.problems()
        found += [problem for check in self.verify for problem in check.problems()]
        if not self.changes:
            found.append("it declares no change")
        return found

    def _term_problems(self) -> Iterator[str]:
        for name, value, known in (
            ("dual_write", self.dual_write, ("trigger", "application")),
            ("on_unrepresentable", self.on_unrepresentable, ("fail", "release")),
        ):
            if value not in known:
                yield f"{name} is {value!r}; it is one of {', '.join(known)}"
        for name, span in (("soak", self.soak), ("retain", self.retain)):
            if span < timedelta(0):
                yield f"{name} is {span!r}; write a span such as timedelta(hours=24)"
        if self.window is not None:
            yield from self.window.problems()


def split_name(text: str) -> tuple[str, ...]:
    """Split a dotted name into its parts; double quotes keep a dot, and are doubled inside."""
    parts = re.findall(r'"((?:[^"]|"")+)"|([^".]+)|(\.)', text)
    names = [quoted.replace('""', '"') or plain for quoted, plain, dot in parts if not dot]
    dots = sum(1 for *_, dot in parts if dot)
    return tuple(names) if dots == len(names) - 1 else ()
