"""Views on the replaced columns: said again in place, or dropped and made anew where types change.

PostgreSQL replaces a view only by one of the same columns and types, and drops none that another
stands on.
"""

from collections.abc import Sequence
from typing import Final

from psycopg.rows import DictRow

from pgtide.model.followers import Follower
from pgtide.postgres.ddl import fill, ident
from pgtide.postgres.session import Session
from pgtide.sql import queries

_SQL: Final = queries("views")


def read_views(
    session: Session, rows: Sequence[DictRow], changed: frozenset[str]
) -> tuple[list[Follower], list[str]]:
    """Return the views, each after those it stands on, and in words what cannot be made again.

    `rows` are the views that use replaced columns; `changed` are the columns whose type changes.
    """
    found: list[Follower] = []
    stuck: list[str] = []
    retyped = [row["on_relation"] for row in rows if not changed.isdisjoint(row["columns"])]
    tower = [row["oid"] for row in session.rows(_SQL["tower"], {"oids": retyped})]
    direct = sorted({row["on_relation"] for row in rows} - set(tower))
    for oid in (*direct, *tower):
        view = session.row(_SQL["view"], {"oid": oid}) or {}
        if not view["allowed"]:
            stuck.append(f"the view {view['name']}, which this role may not alter")
        elif oid in tower:
            hangers = session.rows(_SQL["hangers"], {"oid": oid, "tower": tower})
            stuck += [
                f"the {row['words']}, which hangs on the view {view['name']}" for row in hangers
            ]
            found.append(_anew(session, oid, view))
        else:
            found.append(_in_place(view))
    return found, stuck


def _in_place(view: DictRow) -> Follower:
    return Follower(
        what=f"the view {view['name']}",
        again=(f"CREATE OR REPLACE {_definition(view)}",),
        lock=_lock(view),
    )


def _anew(session: Session, oid: int, view: DictRow) -> Follower:
    belongings = [row["statement"] for row in session.rows(_SQL["belongings"], {"oid": oid})]
    return Follower(
        what=f"the view {view['name']}, whose columns change their type,",
        ahead=(fill("DROP VIEW {name}", name=view["name"]),),
        again=(f"CREATE {_definition(view)}", *belongings),
        lock=_lock(view),
    )


def _definition(view: DictRow) -> str:
    return fill(
        "VIEW {name}{options} AS {definition}",
        name=view["name"],
        options=f" WITH ({view['options']})" if view["options"] else "",
        definition=view["definition"].rstrip(";"),
    )


def _lock(view: DictRow) -> str:
    # LOCK TABLE would lock every other table that the view reads.
    return fill("ALTER VIEW {name} OWNER TO {owner}", name=view["name"], owner=ident(view["owner"]))
