"""Change names as contract does: what was built before must then be what the old column had."""

import psycopg

from pgtide.model.plan import Plan, Twin


def swapped(url: str, plan: Plan) -> None:
    """Give the names as contract will: the old ones away, then the twins theirs."""
    with psycopg.connect(url) as connection:
        for one in plan.replacements:
            rename(connection, f"RENAME COLUMN {quoted(one.old)} TO pgtide_aside")
            rename(connection, f"RENAME COLUMN {quoted(one.new)} TO {quoted(one.old)}")
            rename(connection, f"RENAME COLUMN pgtide_aside TO {quoted(one.retired)}")
        for twin in plan.twins:
            swap(connection, twin)


def rename(connection: psycopg.Connection, clause: str) -> None:
    connection.execute(f"ALTER TABLE public.t {clause}".encode())


def swap(connection: psycopg.Connection, twin: Twin) -> None:
    for name, then in ((twin.name, twin.retired), (twin.twin, twin.name)):
        if twin.kind in {"index", "statistics"}:
            text = f"ALTER {twin.kind} public.{quoted(name)} RENAME TO {quoted(then)}"
            connection.execute(text.encode())
        elif name:
            rename(connection, f"RENAME CONSTRAINT {quoted(name)} TO {quoted(then)}")


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def swapped_back(url: str, plan: Plan) -> None:
    with psycopg.connect(url) as connection:
        for twin in plan.twins:
            undone = Twin(kind=twin.kind, name=twin.name, twin=twin.retired, retired=twin.twin)
            swap(connection, undone)
        for one in plan.replacements:
            rename(connection, f"RENAME COLUMN {quoted(one.old)} TO pgtide_aside")
            rename(connection, f"RENAME COLUMN {quoted(one.retired)} TO {quoted(one.old)}")
            rename(connection, f"RENAME COLUMN pgtide_aside TO {quoted(one.new)}")
