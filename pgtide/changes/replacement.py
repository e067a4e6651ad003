"""The names that a replaced column and its successor go through, from expand to purge."""

from collections.abc import Sequence
from typing import Final

from pgtide.changes.change import Scope
from pgtide.changes.sync import Added, Pair
from pgtide.model.plan import Replacement
from pgtide.postgres.ddl import fill, fitted, literal

# How names begin that no application knows.
PRIVATE: Final = "_pgtide_"


def replacements(scope: Scope, pieces: Sequence[Pair | Added]) -> tuple[Replacement, ...]:
    """Return the replaced columns with the names that each goes through."""
    return tuple(
        Replacement(
            old=pair.old,
            new=pair.new,
            retired=_retired(scope.tag, number, pair),
            identity=pair.identity,
            up=pair.up.function if pair.told else "",
            sources=pair.up.arguments,
        )
        for number, pair in enumerate(piece for piece in pieces if isinstance(piece, Pair))
    )


def _retired(tag: str, number: int, pair: Pair) -> str:
    # An interim name stays in use until purge; a private one belongs to nobody.
    if not pair.new.startswith(PRIVATE):
        return pair.new
    return fitted(f"{PRIVATE}{tag}_old{number}_", pair.old)


def swapped(oid: int, one: Replacement) -> str:
    """Return the SQL test whether the newer of a table's two columns has the final name."""
    return fill(
        "EXISTS (SELECT FROM pg_attribute n JOIN pg_attribute o USING (attrelid)"
        " WHERE attrelid = {oid} AND n.attname = {final} AND o.attname = {retired}"
        " AND n.attnum > o.attnum)",
        oid=str(oid),
        final=literal(one.old),
        retired=literal(one.retired),
    )
