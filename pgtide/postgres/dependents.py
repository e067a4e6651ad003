"""What the catalog says depends on the replaced columns, as statements that say it again.

A definition is the server's own text of the moment: it names the old column as long as that has the
name, and whatever has the name when it is executed again. So one text serves contract and its undo.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from psycopg.rows import DictRow

from pgtide.model.followers import Follower
from pgtide.model.plan import Plan
from pgtide.postgres.catalog import read_types
from pgtide.postgres.ddl import fill, ident, listed, literal, relation
from pgtide.postgres.session import Session
from pgtide.postgres.views import read_views
from pgtide.sql import queries

_SQL: Final = queries("followers")
_ENABLED: Final = MappingProxyType(
    {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}
)
# Indexes, CHECKs, foreign keys, NOT NULL and extended statistics have twins of their own.
_TWINS: Final = frozenset({"i", "c", "f", "u", "n"})

_WORDS: Final = MappingProxyType(
    {
        ("pg_constraint", "p"): "the primary key on {columns} ({words})",
        ("pg_constraint", "x"): "the exclusion constraint on {columns} ({words})",
        ("pg_constraint", ""): "the foreign key that refers to {columns} ({words})",
        ("pg_attrdef", ""): "the generated column that uses {columns} ({words})",
        # Before 15 a generated column depends on its source without its expression between.
        ("pg_class", "r"): "the generated column that uses {columns} ({words})",
        ("pg_rewrite", "m"): "the materialized view {relation}",
        ("pg_proc", ""): "the {words}, whose body is bound to {columns}",
        ("pg_policy", ""): "the {words}, which uses {columns} of {table}",
    }
)


def read_dependents(session: Session, plan: Plan) -> tuple[tuple[Follower, ...], tuple[str, ...]]:
    """Return what can be said again, and in words what cannot."""
    found = _clustered(session, plan)
    changed = _changed(session, plan)
    rows = [row for row in _rows(session, plan) if not _apart(plan, row)]
    views, stuck = read_views(session, [row for row in rows if _is_view(row)], changed)
    for row in rows:
        if _is_view(row):
            continue
        reader = None if _refused(plan, row, changed) else _READERS.get(row["catalog"])
        follower = reader(session, plan, row) if reader else None
        if follower is not None:
            found.append(follower)
        else:
            stuck.append(
                f"{_words(plan, row)}{', which this role may not alter' if reader else ''}"
            )
    return (*found, *views), tuple(stuck)


def _rows(session: Session, plan: Plan) -> Iterator[DictRow]:
    """Yield what uses the replaced columns, and what can be said again of interim names alone.

    The rest of those may go on by number: equal types and values are what an interim name needs.
    """
    old = {one.old for one in plan.replacements}
    interim = {one.new for one in plan.replacements if one.new == one.retired}
    where = {"oid": plan.table_oid, "columns": sorted(old | interim)}
    for row in session.rows(_SQL["dependents"], where):
        again = row["catalog"] in _READERS and not _refused(plan, row, frozenset())
        if again or _is_view(row) or not old.isdisjoint(row["columns"]):
            yield row


def _changed(session: Session, plan: Plan) -> frozenset[str]:
    """Return the replaced columns whose type changes."""
    types = {column.name: column.type for column in read_types(session, plan.table_oid)}
    new = dict(plan.expected.columns)
    return frozenset(one.old for one in plan.replacements if types.get(one.old) != new[one.new])


def _apart(plan: Plan, row: DictRow) -> bool:
    """Tell whether something is taken care of elsewhere: marks, twins, pgtide's own triggers."""
    match row["catalog"]:
        case "pg_attrdef":
            return bool(row["own"])
        case "pg_class":
            return row["kind"] in {"i", "I", "S"}
        case "pg_constraint":
            return row["kind"] in _TWINS and not row["incoming"]
        case "pg_statistic_ext":
            return True
        case "pg_trigger":
            own = (plan.sync.insert_trigger, plan.sync.update_trigger) if plan.sync else ()
            return row["on_relation"] == plan.table_oid and row["name"] in own
    return False


def _is_view(row: DictRow) -> bool:
    return bool(row["catalog"] == "pg_rewrite" and row["kind"] == "v")


def _refused(plan: Plan, row: DictRow, changed: frozenset[str]) -> bool:
    match row["catalog"]:
        case "pg_proc":
            # What it returns and whom it calls was settled for the old type.
            return not changed.isdisjoint(row["columns"])
        case "pg_policy":
            return bool(row["on_relation"] != plan.table_oid)
    return False


def _words(plan: Plan, row: DictRow) -> str:
    template = _WORDS.get((row["catalog"], row["kind"]), _WORDS.get((row["catalog"], "")))
    return (template or "the {words}").format(
        words=row["words"],
        columns=listed(row["columns"]),
        relation=row["relation"],
        table=plan.table,
    )


def _clustered(session: Session, plan: Plan) -> list[Follower]:
    where = {"oid": plan.table_oid, "columns": [one.old for one in plan.replacements]}
    return [
        Follower(
            what=f"the order of {row['name']}, by which CLUSTER sorts",
            again=(
                fill(
                    "ALTER TABLE {table} CLUSTER ON {index}",
                    table=relation(plan.table),
                    index=ident(row["name"]),
                ),
            ),
        )
        for row in session.rows(_SQL["clustered"], where)
    ]


def _policy(session: Session, plan: Plan, row: DictRow) -> Follower:
    found = session.row(_SQL["policy"], {"oid": row["oid"]}) or {}
    text = fill(
        "ALTER POLICY {name} ON {table}{using}{check}",
        name=ident(found["name"]),
        table=relation(plan.table),
        using=f" USING ({found['using']})" if found["using"] else "",
        check=f" WITH CHECK ({found['check']})" if found["check"] else "",
    )
    return Follower(what=f"the policy {found['name']}", again=(text,))


def _trigger(session: Session, plan: Plan, row: DictRow) -> Follower | None:
    found = session.row(_SQL["trigger"], {"oid": row["oid"]}) or {}
    if not found["allowed"]:
        return None
    name, table = ident(found["name"]), relation(plan.table)
    texts = []
    if found["deferrable"]:
        # One that serves a constraint cannot be replaced.
        texts += [fill("DROP TRIGGER {name} ON {table}", name=name, table=table)]
        texts += [found["definition"]]
        if found["comment"]:
            comment = literal(found["comment"])
            texts.append(
                fill(
                    "COMMENT ON TRIGGER {name} ON {table} IS {comment}",
                    name=name,
                    table=table,
                    comment=comment,
                )
            )
    else:
        texts.append(f"CREATE OR REPLACE {found['definition'].removeprefix('CREATE ')}")
    if found["enabled"] != "O":
        texts.append(
            fill(
                "ALTER TABLE {table} {enabled} TRIGGER {name}",
                table=table,
                enabled=_ENABLED[found["enabled"]],
                name=name,
            )
        )
    return Follower(what=f"the trigger {found['name']}", again=tuple(texts))


def _function(session: Session, plan: Plan, row: DictRow) -> Follower | None:
    del plan
    found = session.row(_SQL["function"], {"oid": row["oid"]}) or {}
    if not found["allowed"]:
        return None
    return Follower(what=f"the {row['words']}", again=(found["definition"],))


def _publication(session: Session, plan: Plan, row: DictRow) -> Follower | None:
    found = session.row(_SQL["publication"], {"oid": row["oid"]}) or {}
    if not found["allowed"]:
        return None
    name, table = ident(found["name"]), relation(plan.table)
    columns = listed([ident(column) for column in found["columns"] or ()])
    add = fill(
        "ALTER PUBLICATION {name} ADD TABLE ONLY {table}{columns}{filter}",
        name=name,
        table=table,
        columns=f" ({columns})" if columns else "",
        filter=f" WHERE ({found['filter']})" if found["filter"] else "",
    )
    drop = fill("ALTER PUBLICATION {name} DROP TABLE ONLY {table}", name=name, table=table)
    return Follower(what=f"the publication {found['name']}", again=(drop, add))


_Reader = Callable[[Session, Plan, DictRow], Follower | None]
_READERS: Final[Mapping[str, _Reader]] = MappingProxyType(
    {
        "pg_policy": _policy,
        "pg_trigger": _trigger,
        "pg_proc": _function,
        "pg_publication_rel": _publication,
    }
)
