"""Which migration a person means: any unique part of an id, or a version."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from pgtide.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A migration that may be meant; `version` None where it is not known."""

    id: str
    version: str | None


def find_id(wanted: str, known: Sequence[Candidate]) -> str:
    """Return the id that is meant; raises Refused where it is none, or more than one."""
    exact = [one.id for one in known if wanted in {one.id, one.version}]
    found = exact or [one.id for one in known if wanted and wanted in one.id]
    if len(set(found)) == 1:
        return found[0]
    if found:
        raise _refused(
            f"{wanted!r} means more than one migration: {', '.join(sorted(set(found)))}.",
            "Write more of the id, or the version.",
        )
    raise _refused(f"There is no migration {wanted!r}.", _hint(wanted, known))


def _hint(wanted: str, known: Sequence[Candidate]) -> str:
    if not known:
        return "`pgtide create` writes the first one; --migrations names their folder."
    names = [name for one in known for name in (one.id, one.version) if name]
    near = get_close_matches(wanted, names, n=3, cutoff=0.4)
    if near:
        return f"Did you mean {' or '.join(near)}? `pgtide status` lists them all."
    return "`pgtide status` lists them all."


def _refused(what: str, remedy: str) -> Refused:
    return Refused(what, state="Nothing was changed.", remedy=remedy)
