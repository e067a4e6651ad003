"""Each line of the audit is a sentence: no raw values, no times of machines."""

import ast
import re
from collections.abc import Iterator

import pytest

from pgtide.operate.history import WORDS, words
from tests.architecture.sources import ROOT

# Where a call has the kind of its line.
KIND_AT = {"audit.note": 2, "audit.note_by": 3, "note_by": 3}


@pytest.mark.parametrize(
    ("kind", "detail", "says"),
    [
        ("phase_began", {"phase": "purge"}, "purge began: there is no way back from here"),
        ("phase_began", {"phase": "expand"}, "expand began"),
        ("phase_ended", {"phase": "purge"}, "purge done: only a backup has the old shape"),
        ("phase_ended", {"phase": "backfill", "rows": 1733}, "backfill done, 1,733 rows"),
        (
            "not_awaited",
            {
                "phase": "contract",
                "what": "soak",
                "until": "2026-11-25T02:40:19+02:00",
                "reason": "the fair",
            },
            "contract did not wait for the end of the soak, 2026-11-25 00:40:19 UTC: the fair",
        ),
        (
            "backup_restored",
            {"backup": 7, "rows": 2000, "taken_at": "2026-11-25T00:40:19.123456+00:00"},
            "backup 7 of 2026-11-25 00:40:19 UTC was restored: 2,000 rows",
        ),
        (
            "verification_withdrawn",
            {"why": "20260101_000000_a cannot be contracted: the triggers were changed."},
            "verification withdrawn: the triggers were changed.",
        ),
        (
            "purge_refused",
            {"why": "20260101_000000_a cannot be purged: the triggers were changed."},
            "purge refused, nothing dropped: the triggers were changed.",
        ),
        ("undo_refused", {"why": "a run lives"}, "undo refused: a run lives"),
        (
            "undo_refused",
            {"why": "20260101_000000_a cannot be undone: view public.v is gone."},
            "undo refused: view public.v is gone.",
        ),
        (
            "goes_along",
            {"what": ["index public.i: CREATE INDEX i", "constraint c: CHECK (a > 0)"]},
            (
                "goes with its column, and is not pgtide's: index public.i: CREATE INDEX i; "
                "constraint c: CHECK (a > 0)"
            ),
        ),
        ("open_writes_ended", {}, "the open writes that verification waited for have ended"),
        (
            "verified",
            {"passed": False, "rows": 9, "mismatches": 0, "problems": ["an index is missing"]},
            "verification found: an index is missing",
        ),
        (
            "verified",
            {"passed": False, "rows": 1000, "mismatches": 2, "problems": ["no trigger"]},
            "verification found: 2 of 1,000 rows out of step; no trigger",
        ),
    ],
)
def test_a_line_says_what_happened(kind: str, detail: dict[str, object], says: str) -> None:
    assert words(kind, detail) == says


def test_every_kind_that_is_written_has_words() -> None:
    kinds = {*noted_by_python(), *noted_by_sql()}
    assert {"approved", "rejected", "run_began", "undo_refused"} <= kinds
    assert kinds <= set(WORDS)


def noted_by_python() -> Iterator[str]:
    for path in (ROOT / "pgtide").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                at = KIND_AT.get(ast.unparse(node.func))
                if at is not None:
                    kind = node.args[at]
                    chosen = [kind.body, kind.orelse] if isinstance(kind, ast.IfExp) else [kind]
                    yield from (ast.literal_eval(one) for one in chosen)


def noted_by_sql() -> Iterator[str]:
    for path in (ROOT / "pgtide" / "sql").glob("*.sql"):
        yield from re.findall(r"PERFORM pgtide\.undo_note\(\w+, \w+, '(\w+)'", path.read_text())
