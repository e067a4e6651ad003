"""The fingerprint of what keeps the shapes in step, as the catalog shows it now."""

import json
from collections.abc import Mapping
from typing import Final, cast

from pgtide.model.plan import Plan
from pgtide.postgres.catalog import fingerprint
from pgtide.postgres.leaves import leaf_fingerprints
from pgtide.postgres.session import Session

# Of a trigger, what is the same on the table and on each of its leaves.
_ALIKE: Final = ("name", "function", "function_xmin")

_Part = dict[str, object]


def present(session: Session, plan: Plan, *, contracted: bool = False) -> str:
    """Return the fingerprint as the catalog shows it to this session.

    After contract the new columns go by their final names. Of a partitioned table each leaf has
    one of its own: somebody can touch a trigger on one leaf alone.
    """
    final = {one.new: one.old for one in plan.replacements} if contracted else {}
    columns = tuple(final.get(name, name) for name, _ in plan.expected.columns)
    found = fingerprint(session, plan.table_oid, prefix=f"m_{plan.tag}_", columns=columns)
    if not plan.partitioned:
        return found
    leaves = leaf_fingerprints(session, plan.table_oid, columns=columns)
    parts = {leaf: json.loads(text) for leaf, text in leaves.items()}
    return json.dumps({**json.loads(found), "leaves": parts}, sort_keys=True)


def leaves_in(one: str) -> frozenset[int]:
    """Return the leaves that a fingerprint of a partitioned table is about."""
    return frozenset(int(leaf) for leaf in _leaves(json.loads(one)))


def but_for_leaves(one: str) -> str:
    """Return a fingerprint without what it says of leaves."""
    part = json.loads(one) if one else {}
    return json.dumps(_but_for(part, "leaves"), sort_keys=True) if "leaves" in part else one


def same_but_for_file(known: str, now: str) -> bool:
    """Tell whether nothing has changed but the files that the rows are in, and what leaves are."""
    return _alike_but_for(known, now, "filenode", "leaves")


def same_but_for_leaves(known: str, now: str) -> bool:
    """Tell whether nothing has changed but what leaves there are.

    A leaf that is gone took its rows along; one that came since must have the table's own triggers,
    and they must fire.
    """
    return _alike_but_for(known, now, "leaves")


def _alike_but_for(known: str, now: str, *names: str) -> bool:
    one, other = json.loads(known), json.loads(now)
    was, there = _leaves(one), _leaves(other)
    stayed, came = was.keys() & there.keys(), there.keys() - was.keys()
    return (
        _but_for(one, *names) == _but_for(other, *names)
        and all(_but_for(was[leaf], *names) == _but_for(there[leaf], *names) for leaf in stayed)
        and all(_whole(there[leaf], other) for leaf in came)
    )


def same_but_for_columns(one: str, other: str) -> bool:
    """Tell whether two fingerprints differ in nothing but the versions of the new columns."""
    first, second = json.loads(one), json.loads(other)
    if _leaves(first).keys() != _leaves(second).keys():
        return False
    pairs = [(part, _leaves(second)[leaf]) for leaf, part in _leaves(first).items()]
    return _but_for(first, "columns", "leaves") == _but_for(second, "columns", "leaves") and all(
        _but_for(part, "columns") == _but_for(twin, "columns") for part, twin in pairs
    )


def _leaves(part: _Part) -> Mapping[str, _Part]:
    return cast("Mapping[str, _Part]", part.get("leaves") or {})


def _but_for(part: _Part, *names: str) -> _Part:
    return {name: value for name, value in part.items() if name not in names}


def _whole(leaf: _Part, table: _Part) -> bool:
    """Tell whether a leaf has all triggers of its table, enabled as they must be."""
    fire = [one for one in _triggers(leaf) if one["enabled"] == "A"]
    there = [tuple(one[name] for name in _ALIKE) for one in fire]
    ours = [one for one in _triggers(table) if str(one["function"]).startswith("m_")]
    return all(tuple(one[name] for name in _ALIKE) in there for one in ours)


def _triggers(part: _Part) -> list[_Part]:
    return cast("list[_Part]", part["triggers"] or [])
