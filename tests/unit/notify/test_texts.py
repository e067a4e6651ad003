"""Each text that a person may read at 3 a.m., word for word as it is in `snapshots/`.

To change one on purpose: change the file, and read it as if you had been asleep a minute ago.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from pgtide.events import (
    Event,
    LockWaited,
    PhaseBegan,
    PhaseEnded,
    RowQuarantined,
    RunBegan,
    ThrottleEnded,
    ThrottleHeld,
    WayBackClosed,
)
from pgtide.model.state import Phase
from pgtide.notify.headline import headline
from pgtide.notify.mailbox import Tell
from pgtide.notify.notice import Kind, Notice
from pgtide.notify.outlook import Untold
from pgtide.notify.slack_words import told
from pgtide.notify.story import Story, ended, follow, looked
from pgtide.settings import VARIABLES
from tests.architecture.sources import ROOT
from tests.unit.notify.endings import (
    APPROVAL,
    CLOSED,
    LOCKS,
    LOST,
    MISMATCH,
    PAUSED,
    RAISED,
    REFUSED,
    ROWS,
    STOPPED,
)
from tests.unit.notify.shown import STORY, SUBJECT, at, outlook

SNAPSHOTS: Final = Path(__file__).with_name("snapshots")
ID: Final = SUBJECT.id

LAG = ThrottleHeld(
    signal="replica_lag", reason="replica r2 is 3.1 s behind, limit 2 s", value=3.1, limit=2.0
)
FULL = ThrottleHeld(
    signal="disk_free", reason="0.8 GB are left in pg_wal, limit 1 GB", value=0.8, limit=1.0
)
KEPT = ThrottleHeld(
    signal="locks",
    reason="public.users, or rows of it, may be locked by pid 812 (bob, reports, 340 s)",
    value=340.0,
    limit=None,
)
LOCK = LockWaited(
    step="expand.shape",
    attempt=7,
    tries=30,
    blockers=("pid 812 (bob, reports, 340 s: SELECT * FROM users WHERE email = 'a@b.c')",),
    abroad=("pid 812 (bob, reports, 340 s)",),
)


def heard(story: Story, *events: Event, minutes: float = 0.0) -> Story:
    """Return the story after events."""
    for event in events:
        story, _ = follow(story, event, at(minutes))
    return story


BEGUN = heard(
    STORY,
    RunBegan(migration_id=ID, run_id=7, token=7, taken_over=None),
    PhaseBegan(migration_id=ID, phase="backup"),
)
FILLING, _ = looked(
    heard(
        BEGUN,
        PhaseEnded(migration_id=ID, phase="backup", seconds=200, rows=None),
        PhaseEnded(migration_id=ID, phase="expand", seconds=0.4, rows=None),
        PhaseBegan(migration_id=ID, phase="backfill"),
    ),
    outlook("backfilling", running="backfill", done=("backup", "expand")),
    at(4),
)
HELD, _ = looked(heard(FILLING, LAG, FULL, minutes=30), None, at(36))


def notice(story: Story, event: Event) -> str:
    """Return the last notice that follows from an event."""
    _, notices = follow(story, event, at(10))
    return notices[-1].text


def end(error: BaseException | None, story: Story = FILLING) -> str:
    """Return the notice of an end."""
    _, notices = ended(story, error, at(40))
    return notices[-1].text


def after(error: BaseException | None, story: Story = FILLING) -> str:
    """Return the message of a run after its end."""
    return headline(ended(story, error, at(40))[0], at(40))


def begun() -> str:
    _, notices = follow(STORY, PhaseBegan(migration_id=ID, phase="backup"), at(0))
    return notices[0].text


def missed_before() -> str:
    last = "Failed: production, 2.1.0 of public.users. The disk is full."
    before = Untold(notices=3, places=("Slack",), last=last)
    _, notices = looked(BEGUN, replace(outlook("backing_up"), untold=before), at(1))
    return notices[0].text


def phase_done(phase: str, rows: int | None = None) -> Callable[[], str]:
    event = PhaseEnded(migration_id=ID, phase=phase, seconds=754, rows=rows)
    return lambda: notice(FILLING, event)


def held_long(*events: Event) -> Callable[[], str]:
    def notices() -> str:
        return looked(heard(FILLING, *events, minutes=30), None, at(36))[1][-1].text

    return notices


def quarantined(many: int) -> str:
    event = RowQuarantined(
        slice_id=3,
        sqlstate="P0001",
        reason="raised by the function refuse_unnamed(), line 3; its text is withheld, since it "
        "may quote the row",
    )
    return notice(replace(FILLING, quarantined=many - 1), event)


VERIFIED = replace(
    outlook("verified", done=("backup", "expand", "backfill", "finalize", "verify")),
    percent=100.0,
    verified=("L2", 12_000_000, 0),
    throttled=(("replica_lag", 2_580.0),),
    next="Both shapes hold the same. With release 2.2.0 or a later one live, `pgtide approve 2.1.0 "
    "contract --reason TEXT`, then `pgtide contract 2.1.0 --release V` goes on, not before "
    "2026-03-09 03:05:00 UTC (or with `--now --reason TEXT`); `pgtide down 2.1.0` undoes it.",
)
WHOLE = replace(
    heard(
        FILLING,
        PhaseEnded(migration_id=ID, phase="backfill", seconds=3_300, rows=12_000_000),
        PhaseEnded(migration_id=ID, phase="finalize", seconds=410, rows=None),
        PhaseEnded(migration_id=ID, phase="verify", seconds=95, rows=12_000_000),
    ),
    outlook=VERIFIED,
)
UNDONE = replace(
    heard(BEGUN, PhaseEnded(migration_id=ID, phase="rollback", seconds=1.3, rows=None)),
    outlook=replace(outlook("rolled_back"), next="Undone; `pgtide up 2.1.0` would start over."),
)
GATE = replace(
    FILLING,
    outlook=replace(
        outlook("expanded"),
        gate="dual_write_deployed",
        asks="the release that writes both shapes is out, and no older one writes any more",
    ),
)


def summed() -> str:
    """Return what Slack is told once it answers again, as it is sent."""
    parts = [
        ("backfill of public.users is done after 55 min, 12,000,000 rows.", False),
        ("finalize of public.users is done after 6.8 min.", False),
        ("Verification failed: 3 of 12,000,000 rows are out of step.", True),
    ]
    notices = tuple(
        Notice(
            kind=Kind.MISMATCHED if urgent else Kind.PHASE_DONE,
            at=at(60 + 7 * number),
            what=what,
            state="nothing was written; the migration is back at `backfilled`.",
            todo="run `pgtide up` to sweep these rows and verify again.",
            urgent=urgent,
        )
        for number, (what, urgent) in enumerate(parts)
    )
    tell = Tell(notices=notices, message="1.1", missed=2, silent_since=at(58))
    return told(tell, SUBJECT, "S0ONCALL1")


def sent() -> str:
    """Return what calls somebody, as it is sent."""
    _, notices = ended(FILLING, APPROVAL, at(40))
    return told(Tell(notices=notices, message="1.1"), SUBJECT, "U0ONCALL1")


TEXTS: Final[Mapping[str, Callable[[], str]]] = {
    "run_began": begun,
    "untold": missed_before,
    "phase_done_backup": phase_done("backup"),
    "phase_done_expand": phase_done("expand"),
    "phase_done_backfill": phase_done("backfill", 12_000_000),
    "phase_done_finalize": phase_done("finalize"),
    "phase_done_verify": phase_done("verify", 12_000_000),
    "phase_done_contract": phase_done("contract"),
    "phase_done_purge": phase_done("purge"),
    "phase_done_rollback": phase_done("rollback"),
    "held": held_long(LAG, FULL),
    "held_locks": held_long(KEPT),
    "held_locks_too": held_long(LAG, KEPT),
    "let_go": lambda: notice(
        replace(HELD, holds=HELD.holds[:1]), ThrottleEnded(signal="replica_lag", seconds=2_580)
    ),
    "quarantined_first": lambda: quarantined(1),
    "quarantined_many": lambda: quarantined(100),
    "way_back_closed": lambda: notice(
        FILLING, WayBackClosed(step="contract.swap", reason="the old column loses its values")
    ),
    "approval_needed": lambda: end(APPROVAL),
    "approval_needed_in_the_form": lambda: end(GeneratorExit(), GATE),
    "locks_exhausted": lambda: end(LOCKS),
    "failed_quarantined": lambda: end(ROWS),
    "failed_raised": lambda: end(RAISED),
    "failed_connection": lambda: end(LOST),
    "failed_unforeseen": lambda: end(ZeroDivisionError("a@b.c")),
    "refused": lambda: end(REFUSED),
    "mismatched": lambda: end(MISMATCH),
    "paused": lambda: end(PAUSED),
    "window_closed": lambda: end(CLOSED),
    "interrupted": lambda: end(STOPPED),
    "interrupted_at_once": lambda: end(KeyboardInterrupt()),
    "done": lambda: end(None, WHOLE),
    "done_undone": lambda: end(None, UNDONE),
    "done_ledger_away": lambda: end(None, replace(WHOLE, outlook=None)),
    "message_begun": lambda: headline(BEGUN, at(36)),
    "message_filling": lambda: headline(FILLING, at(36)),
    "message_held": lambda: headline(HELD, at(36)),
    "message_lock": lambda: headline(heard(BEGUN, LOCK), at(36)),
    "message_quarantined": lambda: headline(replace(FILLING, quarantined=12), at(36)),
    "message_done": lambda: after(None, WHOLE),
    "message_failed": lambda: after(LOCKS),
    "message_approval": lambda: after(APPROVAL),
    "message_paused": lambda: after(PAUSED),
    "sent_with_a_link": sent,
    "summed_up": summed,
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_is_what_its_snapshot_says(name: str) -> None:
    expected = (SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8")
    assert TEXTS[name]() + "\n" == expected


def test_each_snapshot_is_a_text_of_ours() -> None:
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(TEXTS)


def test_the_page_shows_texts_as_they_are() -> None:
    page = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    shown = [path.stem for path in SNAPSHOTS.iterdir() if path.read_text("utf-8") in page]
    assert sorted(shown) == ["locks_exhausted", "message_filling"]


def test_the_page_names_every_kind_and_every_setting() -> None:
    page = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")
    missing = [kind.value for kind in Kind if f"`{kind}`" not in page]
    ours = ("SLACK", "WEBHOOK", "ENVIRONMENT", "UI_URL", "NOTIFY")
    names = [name for name, _, _ in VARIABLES if name.removeprefix("PGTIDE_").startswith(ours)]
    missing += [name for name in (*names, "PGTIDE_LOG") if f"`{name}`" not in page]
    assert len(names) == 10
    assert missing == []


def test_each_phase_has_a_text_for_its_end() -> None:
    shown = {name.removeprefix("phase_done_") for name in TEXTS if name.startswith("phase_done_")}
    assert shown == {phase.value for phase in Phase} - {"preflight"}


def test_no_text_holds_a_row_or_anybody_elses_statement() -> None:
    assert [name for name, text in TEXTS.items() if "a@b.c" in text()] == []


def test_each_notice_says_what_happened_the_state_and_what_to_do() -> None:
    notices = [text() for name, text in TEXTS.items() if not name.startswith("message_")]
    for text in notices:
        assert [part for part in ("State: ", "To do: ") if f"\n{part}" not in text] == [], text
