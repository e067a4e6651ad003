"""Status as a person reads it, in a terminal of 80 columns."""

import io
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console, RenderableType

from cli.display.status_table import detail, overview
from pgtide.operate.declared import Declaration
from pgtide.operate.status import MigrationStatus, not_begun
from pgtide.operate.verified import VerificationStatus
from pgtide.operate.waiting import Wait

AT = datetime(2026, 11, 24, 0, 40, 19, tzinfo=UTC)
FILE = Declaration(id="20251231_120000_email_verification_v2", version="2.1.0", description="Words")
SOAK = "the end of its soak: contract not before 2026-11-25 00:40:19 UTC"
SEEN = VerificationStatus(
    level="L2", passed=True, rows=2_000, mismatches=0, problems=(), at=AT, withdrawn=None
)
STATUS: MigrationStatus = replace(
    not_begun(FILE),
    state="verified",
    waiting_for=(
        Wait(kind="gate", text="the gate contract: that a later release is live; nobody decided"),
        Wait(kind="soak", text=SOAK, until=AT),
    ),
    verification=SEEN,
)


def drawn(picture: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=80, force_terminal=False).print(picture)
    return file.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_each_condition_has_a_line_of_its_own() -> None:
    text = drawn(detail(STATUS))
    lines = [line.rstrip() for line in text.splitlines()]
    (gate,) = (line for line in lines if line.startswith("waits for "))
    assert gate.startswith("waits for  the gate contract")
    assert f"           {SOAK}" in lines
    assert all(len(line) <= 80 for line in lines)
    assert f"nobody decided; {SOAK}" in flat(drawn(overview([replace(STATUS, state="contracted")])))


def test_a_withdrawn_verification_is_not_green() -> None:
    assert "nothing out of step" in flat(drawn(detail(STATUS)))
    gone = replace(STATUS, verification=replace(SEEN, withdrawn="the triggers were changed"))
    text = flat(drawn(detail(gone)))
    assert "UTC: passed, withdrawn since: the triggers were changed" in text
    assert "nothing out of step" not in text


def test_a_way_back_that_is_closed_is_said_to_be() -> None:
    assert "undo none any more: `pgtide down 2.1.0` says why" in flat(drawn(detail(STATUS)))
    open_still = replace(STATUS, rollback_available=True)
    assert "undo available: `pgtide down 2.1.0`" in flat(drawn(detail(open_still)))
    assert "undo" not in flat(drawn(detail(not_begun(FILE)))).split()
