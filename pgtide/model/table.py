"""A table as the catalog describes it, at one moment."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TableName:
    """A schema and a table in it, spelled as the catalog spells them."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A privilege on one column; `direct` says that the table's owner gave it."""

    privilege: str
    grantee: str
    grantable: bool
    direct: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column; `comparable` says that its type has an equality of PostgreSQL's own."""

    name: str
    type: str
    not_null: bool = False
    default: str | None = None
    generated: bool = False
    comparable: bool = True
    collation: str | None = None
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger of the table; `before_row` ones decide what a sync trigger sees.

    `enabled` is the server's letter: O for most, A for always, R in the role of a replica, D never.
    `leaf` is the partition that has it alone, if one does.
    """

    name: str
    leaf: str = ""
    before_row: bool
    on_update: bool
    enabled: str

    def __str__(self) -> str:
        return f"{self.name} of {self.leaf}" if self.leaf else self.name

    def fires(self, *, as_replica: bool) -> bool:
        """Tell whether an UPDATE fires it, in a session of that role."""
        return self.on_update and self.enabled in ("AR" if as_replica else "AO")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with what a plan needs to know of it.

    `key` is empty where no unique NOT NULL key exists. A `partitioned` one holds no row itself.
    """

    oid: int
    name: TableName
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    indexes: tuple[str, ...] = ()
    partitioned: bool = False

    def column(self, name: str) -> Column | None:
        """Return the column of that name, if there is one."""
        return next((c for c in self.columns if c.name == name), None)
