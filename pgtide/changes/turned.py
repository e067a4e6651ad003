"""The sync triggers after contract: the final name has the word, the old column follows.

Where both names stay in use and hold equal values the function works by name and need not change.
A private name ends with contract, so what names it is made anew under contract's lock, and once
more as it was when contract is undone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pgtide.changes import sync_trigger
from pgtide.changes.change import Scope
from pgtide.changes.replacement import PRIVATE, replacements
from pgtide.changes.sync import Added, Call, Pair, Piece, Turned
from pgtide.model.plan import Replacement
from pgtide.model.statement import Statement
from pgtide.model.table import Table


def turned(scope: Scope, pieces: Sequence[Pair | Added], *, release: bool) -> tuple[Statement, ...]:
    """Return the statements that turn the sync triggers; the undo of each makes it as it was."""
    private = [one for one in replacements(scope, pieces) if one.new.startswith(PRIVATE)]
    if not private:
        return ()
    later = {one.old: one.retired for one in private} | {one.new: one.old for one in private}
    after = replace(scope, table=_renamed(scope.table, private, pieces))
    known = [_turned(piece, later, scope, release=release) for piece in pieces]
    pairs = zip(_made(after, known), _made(scope, pieces), strict=True)
    return tuple(replace(new, undo=old.sql) for new, old in pairs)


def _made(scope: Scope, pieces: Sequence[Piece]) -> tuple[Statement, ...]:
    return (
        sync_trigger.function(scope, pieces),
        *sync_trigger.triggers(scope, pieces),
    )


def _turned(piece: Pair | Added, later: Mapping[str, str], scope: Scope, *, release: bool) -> Piece:
    match piece:
        case Pair() if piece.new in later:
            old = scope.table.column(piece.old)
            return Turned(
                retired=later[piece.old],
                final=later[piece.new],
                up=_call(piece.up, later),
                down=_call(piece.down, later),
                comparable_retired=piece.comparable_old,
                comparable_final=piece.comparable_new,
                release=release and not piece.identity,
                required=old is not None and old.not_null,
            )
        case Added():
            return replace(
                piece,
                verify=piece.verify and _call(piece.verify, later),
                fill=piece.fill and _call(piece.fill, later),
                write=piece.write and _call(piece.write, later),
            )
    return piece


def _call(call: Call, later: Mapping[str, str]) -> Call:
    return replace(call, arguments=tuple(later.get(name, name) for name in call.arguments))


def _renamed(table: Table, private: Sequence[Replacement], pieces: Sequence[Pair | Added]) -> Table:
    """Return the table with the names that contract gives."""
    pairs = {piece.old: piece for piece in pieces if isinstance(piece, Pair)}
    retired = {one.old: one.retired for one in private}
    columns = [
        replace(column, name=retired.get(column.name, column.name)) for column in table.columns
    ]
    for one in private:
        old = table.column(one.old)
        if old is not None:
            columns.append(replace(old, comparable=pairs[one.old].comparable_new))
    return replace(table, columns=tuple(columns))
