"""Compare the catalog with a plan.

Through SQLAlchemy's reflection, other code than the one that built it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from pgtide.model.plan import Plan, Sync
from pgtide.postgres.catalog import read_types
from pgtide.postgres.faults import translate, translated
from pgtide.postgres.leaves import read_leaves
from pgtide.postgres.session import Session
from pgtide.postgres.session_settings import base_settings
from pgtide.sql import queries

if TYPE_CHECKING:
    import sqlalchemy
    from sqlalchemy.engine.interfaces import ReflectedIndex

_SQL: Final = queries("catalog")


@contextmanager
def engine(url: str) -> "Iterator[sqlalchemy.Engine]":
    """Open an engine on the target, for reflection and for pandas.

    Libpq reads the address, as everywhere.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    made = sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: _connected(url),
        poolclass=NullPool,
        # Every reading sees what is there now, and none holds a snapshot while it is looked at.
        isolation_level="AUTOCOMMIT",
        # Nothing here is of that type, and looking for it costs each connection a query.
        use_native_hstore=False,
    )
    try:
        yield made
    finally:
        made.dispose()


def _connected(url: str) -> psycopg.Connection:
    connection = psycopg.connect(url, application_name="pgtide report", autocommit=True)
    # A role's own limits must not end a reading that takes its time.
    settings = base_settings(connection.info.server_version)
    connection.execute(
        "SELECT set_config(name, value, false)"
        " FROM unnest(%s::text[], %s::text[]) AS t (name, value)",
        (list(settings), list(settings.values())),
    )
    return connection


@contextmanager
def _reflecting() -> Iterator[None]:
    """Turn what SQLAlchemy made of the driver's errors into pgtide's."""
    import sqlalchemy

    doing = "reflecting the schema"
    try:
        with translated(doing):
            yield
    except sqlalchemy.exc.DBAPIError as error:
        if not isinstance(error.orig, psycopg.Error):
            raise
        raise translate(error.orig, doing) from error


def differences(session: Session, url: str, plan: Plan) -> tuple[str, ...]:
    """Return sentences on what the catalog shows otherwise than the plan declares.

    None where all is well.
    """
    import sqlalchemy

    with engine(url) as made, _reflecting(), made.connect() as connection:
        inspector = sqlalchemy.inspect(connection)
        columns = {
            c["name"] for c in inspector.get_columns(plan.table.name, schema=plan.table.schema)
        }
        indexes = {
            i["name"]: i for i in inspector.get_indexes(plan.table.name, schema=plan.table.schema)
        }
    return (
        *_columns(session, plan, columns),
        *_indexes(session, plan, indexes),
        *_constraints(session, plan),
        *_triggers(session, plan),
    )


def altered(session: Session, plan: Plan) -> tuple[str, ...]:
    """Return sentences on the new columns that have another type than the plan declares."""
    types = {column.name: column.type for column in read_types(session, plan.table_oid)}
    return tuple(
        f"column {name} is {types[name]}, declared {kind}"
        for name, kind in plan.expected.columns
        if types.get(name, kind) != kind
    )


def hindrances(session: Session, plan: Plan) -> tuple[str, ...]:
    """Return sentences on what keeps an UPDATE from the rows, and so any sweep."""
    leaves = read_leaves(session, plan.table_oid) if plan.partitioned else ()
    return tuple(
        f"rule {row['name']}{where} does something else instead of an UPDATE, so no sweep can mend "
        "a row: drop or disable it"
        for oid, where in (
            (plan.table_oid, ""),
            *((leaf.oid, f" of the partition {leaf.name}") for leaf in leaves),
        )
        for row in session.rows(_SQL["update_rules"], {"oid": oid})
    )


def _columns(session: Session, plan: Plan, there: set[str]) -> Iterator[str]:
    for name, _ in plan.expected.columns:
        if name not in there:
            yield f"column {name} is missing"
    yield from altered(session, plan)


def _indexes(
    session: Session, plan: Plan, there: "dict[str | None, ReflectedIndex]"
) -> Iterator[str]:
    valid = {row["name"] for row in session.rows(_SQL["valid_indexes"], {"oid": plan.table_oid})}
    for name, _ in plan.expected.indexes:
        if name not in there:
            yield f"index {name} is missing"
        elif name not in valid:
            yield f"index {name} is invalid"


def _constraints(session: Session, plan: Plan) -> Iterator[str]:
    strict = {column.name for column in read_types(session, plan.table_oid) if column.not_null}
    for name in plan.expected.not_null:
        if name not in strict:
            yield f"column {name} is not NOT NULL"
    where = {"oid": plan.table_oid}
    found = {row["name"]: row["definition"] for row in session.rows(_SQL["constraints"], where)}
    for name, definition in plan.expected.constraints:
        if name not in found:
            yield f"constraint {name} is missing"
        elif definition and found[name] != definition:
            yield f"constraint {name} is {found[name]}, planned {definition}"
    there = {row["name"] for row in session.rows(_SQL["statistics"], where)}
    for name in plan.expected.statistics:
        if name not in there:
            yield f"the extended statistics {name} are missing"


def _triggers(session: Session, plan: Plan) -> Iterator[str]:
    if plan.sync is None:
        return
    yield from _firing(session, plan.sync, plan.table_oid, "")
    if plan.partitioned:
        for leaf in read_leaves(session, plan.table_oid):
            yield from _firing(session, plan.sync, leaf.oid, f" on the partition {leaf.name}")


def _firing(session: Session, sync: Sync, oid: int, where: str) -> Iterator[str]:
    found = session.rows(_SQL["sync_triggers"], {"oid": oid})
    always = {row["name"] for row in found if row["always"]}
    for name, last in (
        (sync.insert_trigger, _last(found, "on_insert")),
        (sync.update_trigger, _last(found, "on_update")),
    ):
        if name not in always:
            yield f"trigger {name} is missing or not enabled always{where}"
        elif name != last:
            yield (
                f"trigger {last} fires after {name}{where} and may undo what it does: drop it, or "
                "give it a name that sorts before"
            )


def _last(found: list[dict[str, object]], event: str) -> str:
    return max(
        (str(row["name"]) for row in found if row[event]),
        key=lambda name: name.encode(),
        default="",
    )
