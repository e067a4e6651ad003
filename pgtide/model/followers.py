"""What follows a column's number and not its name: all that contract has to redo.

Definitions are the server's own text, read while the old column still has its name: executed after
the swap, the same text names the new one.
"""

from dataclasses import dataclass

from pgtide.model.table import Grant


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is kept with one column in the catalog, as the server writes it.

    `type_storage` is how its type is stored unless told otherwise: PLAIN where it cannot be stored
    apart. `not_null_name` is empty before PostgreSQL 18. `sequences` are those that the column
    owns, by their quoted names.
    """

    default: str | None = None
    not_null: bool = False
    not_null_name: str = ""
    comment: str | None = None
    statistics: int = -1
    options: tuple[str, ...] = ()
    storage: str = "PLAIN"
    type_storage: str = "PLAIN"
    compression: str = ""
    grants: tuple[Grant, ...] = ()
    sequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMarks:
    """A replaced column's marks and those of the new one, under the old one's name.

    `default` is what the old one's means for the new one.
    """

    name: str
    old: Marks
    new: Marks
    default: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """What is said again once the names are swapped, and once more when they are back.

    `ahead` goes before either: what cannot be replaced is dropped. `lock` is a statement that keeps
    everybody off what stands between readers and the table.
    """

    what: str
    again: tuple[str, ...]
    ahead: tuple[str, ...] = ()
    lock: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTwin:
    """A partition's part of an index, and the part of that index's twin there; `part` is its oid.

    `retired` is what the index of the whole table is called after contract.
    """

    schema: str
    name: str
    twin: str
    retired: str
    part: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Followers:
    """All that follows the replaced columns.

    `unfollowable` says in words, by name, what cannot be carried over.
    """

    columns: tuple[ColumnMarks, ...] = ()
    followers: tuple[Follower, ...] = ()
    unfollowable: tuple[str, ...] = ()
    parts: tuple[PartTwin, ...] = ()
