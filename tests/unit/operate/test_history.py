"""Each line of the audit is a sentence: no raw values, no times of machines."""

import pytest

from pgtide.operate.history import words


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
        ("undo_refused", {"why": "a run lives"}, "undo from psql refused: a run lives"),
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
