"""Every acknowledged write is looked for in the table: by its revision, the last by its value too.

A revision that two writes were given, or that the row has not reached, is a lost write; a last
value that is not there is a wrong one. Values are looked for in the OLD columns, whoever wrote.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from demo.journal import Entry
from pgtide.postgres.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a row holds: its revision, and the values of the columns that are replaced."""

    revision: int
    flag: bool | None
    token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """How the acknowledged writes of all releases were found."""

    acknowledged: int
    found: int
    rows: int
    # Sentences, the first few: which writes were not found.
    missing: tuple[str, ...]


def read_standings(session: Session, ids: Iterable[int]) -> dict[int, Standing]:
    """Read rows as the old shape shows them."""
    rows = session.rows(
        "SELECT id, revision, email_verified, verification_token FROM public.users"
        " WHERE id = ANY (%(ids)s)",
        {"ids": sorted(ids)},
    )
    return {
        row["id"]: Standing(
            revision=row["revision"], flag=row["email_verified"], token=row["verification_token"]
        )
        for row in rows
    }


def settle(
    entries: Iterable[Entry], standings: Mapping[int, Standing], *, live: bool = False
) -> Account:
    """Hold what was acknowledged against what is there.

    With `live` somebody still writes: rows that were written after the entries were read, as their
    later revision shows, are left out.
    """
    writes = [entry for entry in entries if entry.revision is not None and entry.id is not None]
    if live:
        busy = _written_since(writes, standings)
        writes = [write for write in writes if write.id not in busy]
    given = Counter((write.id, write.revision) for write in writes)
    last: dict[int, Entry] = {}
    for write in sorted(writes, key=lambda write: write.revision or 0):
        if write.sets_values and write.id is not None:
            last[write.id] = write
    missing = []
    for write in writes:
        wrong = _wrong(write, standings.get(write.id or 0), last.get(write.id or 0))
        if wrong is None and given[write.id, write.revision] > 1:
            wrong = "its revision was given to another write too"
        if wrong:
            missing.append(f"id {write.id}, revision {write.revision}: {wrong}")
    return Account(
        acknowledged=len(writes),
        found=len(writes) - len(missing),
        rows=len({write.id for write in writes}),
        missing=tuple(missing[:5]),
    )


def _written_since(writes: Iterable[Entry], standings: Mapping[int, Standing]) -> set[int]:
    known: dict[int, int] = {}
    for write in writes:
        known[write.id or 0] = max(known.get(write.id or 0, 0), write.revision or 0)
    return {
        row for row, last in known.items() if row in standings and standings[row].revision > last
    }


def _wrong(write: Entry, standing: Standing | None, last: Entry | None) -> str | None:
    if standing is None:
        return "the row is not there"
    if (write.revision or 0) > standing.revision:
        return f"the row stands at revision {standing.revision}"
    if write is last and (standing.flag, standing.token) != (write.flag, write.token):
        return "its values are not in the old columns"
    return None
