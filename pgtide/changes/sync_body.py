"""The blocks of the sync triggers' function, one for each piece and operation."""

from dataclasses import dataclass
from typing import assert_never

from pgtide.changes.sync import Added, Pair, Piece, Turned, kept, moved
from pgtide.model.table import Table
from pgtide.postgres.ddl import ident


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """The counters that the function advances, as SQL.

    Of writes that contradict themselves, and of writes that gave up the way back.
    """

    conflicts: str
    released: str


def inserting(piece: Piece, counters: Counters) -> str:
    """Return what brings an inserted row in step."""
    match piece:
        case Pair():
            return _insert_pair(piece)
        case Turned():
            return _insert_turned(piece, counters)
        case Added():
            return _insert_added(piece)
        case _:
            assert_never(piece)


def updating(piece: Piece, table: Table, counters: Counters) -> str:
    """Return what brings an updated row in step."""
    match piece:
        case Pair():
            return _update_pair(piece, table, counters)
        case Turned():
            return _update_turned(piece, counters)
        case Added():
            return _update_added(piece, table)
        case _:
            assert_never(piece)


def comparable(table: Table, name: str) -> bool:
    """Tell whether a column's type has an equality of PostgreSQL's own."""
    column = table.column(name)
    return column is not None and column.comparable


def _insert_pair(pair: Pair) -> str:
    # The new column has no default, so a value in it was given, and wins.
    old, new = f"new.{ident(pair.old)}", f"new.{ident(pair.new)}"
    return (
        f"IF {new} IS NULL THEN\n  {new} := {pair.up.on('new')};\n"
        f"ELSIF NOT {pair.in_step('new')} THEN\n  {old} := {pair.down.on('new')};\nEND IF;"
    )


def _insert_added(added: Added) -> str:
    following = _follow(added, "")
    if not following:
        return "NULL;"
    return f"IF new.{ident(added.name)} IS NULL THEN\n{following}\nEND IF;"


def _follow(added: Added, moved_sources: str) -> str:
    """Return what gives an added column its value.

    A live one where a source moved, and the backfill's where that is not enough.
    """
    column = f"new.{ident(added.name)}"
    blocks = []
    if added.write:
        write = f"{column} := {added.write.on('new')};"
        blocks.append(f"IF {moved_sources} THEN\n  {write}\nEND IF;" if moved_sources else write)
    if added.fill:
        fresh = f"{column} := {added.fill.on('new')};"
        blocks.append(f"IF NOT {added.in_step('new')} THEN\n  {fresh}\nEND IF;")
    return "\n".join(blocks)


def _update_pair(pair: Pair, table: Table, counters: Counters) -> str:
    old, new = f"new.{ident(pair.old)}", f"new.{ident(pair.new)}"
    sources = [moved(name, comparable=comparable(table, name)) for name in pair.up.arguments]
    moved_old = f"({' OR '.join(sources)})" if sources else "false"
    moved_new = moved(pair.new, comparable=pair.comparable_new)
    kept_new = kept(pair.new, comparable=pair.comparable_new)
    return (
        f"IF NOT {pair.in_step('new')} THEN\n"
        # Both written, in contradiction: the application's word against its own. Left alone and
        # counted.
        f"  IF {moved_old} AND {moved_new} THEN\n    PERFORM nextval({counters.conflicts});\n"
        f"  ELSIF {moved_new} THEN\n    {old} := {pair.down.on('new')};\n"
        # The old side was written, or nothing was and the row is not filled yet: healed. Without
        # healing the backfill's passes leave rows behind.
        f"  ELSE\n    {new} := {pair.up.on('new')};\n  END IF;\n"
        f"ELSIF {moved_old} AND {kept_new} THEN\n  {new} := {pair.up.on('new')};\nEND IF;"
    )


def _update_added(added: Added, table: Table) -> str:
    sources = [
        moved(name, comparable=comparable(table, name))
        for name in (added.write.arguments if added.write else ())
    ]
    following = _follow(added, " OR ".join(sources) or "false")
    if not following:
        return "NULL;"
    # An application that wrote the column itself is left alone.
    untouched = kept(added.name, comparable=added.comparable)
    return f"IF {untouched} THEN\n{following}\nEND IF;"


def _insert_turned(pair: Turned, counters: Counters) -> str:
    # The final name may carry a DEFAULT; a value in the other column was given, and wins.
    retired, final = f"new.{ident(pair.retired)}", f"new.{ident(pair.final)}"
    return (
        f"IF {retired} IS NULL THEN\n{_back(pair, counters)}\n"
        f"ELSIF NOT {pair.in_step('new')} THEN\n  {final} := {pair.up.on('new')};\nEND IF;"
    )


def _update_turned(pair: Turned, counters: Counters) -> str:
    final = f"new.{ident(pair.final)}"
    moved_retired = moved(pair.retired, comparable=pair.comparable_retired)
    kept_final = kept(pair.final, comparable=pair.comparable_final)
    return (
        f"IF NOT {pair.in_step('new')} THEN\n"
        f"  IF {moved_retired} AND {kept_final} THEN\n    {final} := {pair.up.on('new')};\n"
        f"  ELSE\n{_back(pair, counters)}\n  END IF;\nEND IF;"
    )


def _back(pair: Turned, counters: Counters) -> str:
    """Return what gives the retired column its value, failing the write or releasing it."""
    retired = f"new.{ident(pair.retired)}"
    back = f"{retired} := {pair.down.on('new')};"
    if not pair.release:
        return back
    release = f"PERFORM nextval({counters.released});"
    guarded = (
        f"BEGIN\n  {back}\nEXCEPTION WHEN data_exception OR integrity_constraint_violation THEN\n"
        f"  {retired} := NULL;\n  {release}\nEND;"
    )
    if not pair.required:
        return guarded
    # Not null before: whatever has become of it, it cannot be undone to.
    return f"{guarded}\nIF {retired} IS NULL THEN\n  {release}\nEND IF;"
