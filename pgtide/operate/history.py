"""The audit, with each line in words."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from pgtide.events import WalkShortened
from pgtide.ledger import audit
from pgtide.model.state import Phase
from pgtide.postgres.session import Session

_Detail = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLine:
    """A line of the audit: `kind` and `detail` as recorded, `text` the same in words."""

    at: datetime
    migration_id: str | None
    actor: str
    kind: str
    text: str
    detail: _Detail


def lines(session: Session, migration_id: str | None = None) -> list[HistoryLine]:
    """Return the audit of one migration, or of all, oldest first."""
    return [
        HistoryLine(
            at=entry.at,
            migration_id=entry.migration_id,
            actor=entry.actor,
            kind=entry.kind,
            text=words(entry.kind, entry.detail),
            detail=entry.detail,
        )
        for entry in audit.history(session, migration_id)
    ]


def words(kind: str, detail: _Detail) -> str:
    """Say what a line of the audit says."""
    say = WORDS.get(kind)
    if say is not None:
        return say(detail)
    rest = ", ".join(f"{name} {value}" for name, value in detail.items() if value is not None)
    return f"{kind.replace('_', ' ')}{': ' if rest else ''}{rest}"


def _phase_began(detail: _Detail) -> str:
    no_return = ": there is no way back from here" if detail["phase"] == Phase.PURGE else ""
    return f"{detail['phase']} began{no_return}"


def _began(detail: _Detail) -> str:
    before = detail.get("taken_over")
    return f"a run began, taking over from {before}" if before else "a run began"


def _ended(detail: _Detail) -> str:
    rows = detail.get("rows")
    counted = f", {rows:,} rows" if rows is not None else ""
    gone = ": only a backup has the old shape" if detail["phase"] == Phase.PURGE else ""
    return f"{detail['phase']} done{counted}{gone}"


def _waited(detail: _Detail) -> str:
    who = "; ".join(detail["blockers"]) or "a session that has ended meanwhile"
    awaited, attempt = detail.get("awaited", "a lock"), detail["attempt"]
    return f"{detail['step']} waited for {awaited}, try {attempt}; in the way: {who}"


def _cut(detail: _Detail) -> str:
    count = detail["slices"]
    return f"the table was cut into {count:,} slice{'' if count == 1 else 's'}: {detail['why']}"


def _shortened(detail: _Detail) -> str:
    return str(
        WalkShortened(
            passes=detail["passes"],
            share=detail["share"],
            pinned_by=detail.get("pinned_by", ""),
        )
    )


def _verified(detail: _Detail) -> str:
    if detail["passed"]:
        return f"verified: {detail['rows']:,} rows, none out of step"
    rows = f"{detail['mismatches']:,} of {detail['rows']:,} rows out of step"
    found = [rows] if detail["mismatches"] else []
    return f"verification found: {'; '.join([*found, *detail.get('problems', ())])}"


def _not_awaited(detail: _Detail) -> str:
    what = detail["what"]
    awaited = "its window to open" if what == "window" else f"the end of the {what}"
    return (
        f"{detail['phase']} did not wait for {awaited}, "
        f"{_moment(detail['until'])}: {detail['reason']}"
    )


def _rate_set(detail: _Detail) -> str:
    duty, batch_ms = detail.get("duty"), detail.get("batch_ms")
    said = [f"{duty:.0%} of the time at work"] if duty else []
    said += [f"batches of {batch_ms:g} ms"] if batch_ms else []
    return f"rate set: {', '.join(said) or 'back to what the settings say'}"


def _canary(detail: _Detail) -> str:
    wrong, held = detail.get("mismatches", 0), detail.get("quarantined", 0)
    found = [f"{wrong:,} out of step"] if wrong else []
    found += [f"{held:,} in quarantine"] if held else []
    return f"the canary's {detail['rows']:,} rows were filled: {', '.join(found) or 'all right'}"


def _tried_again(detail: _Detail) -> str:
    """Say what has become of rows in quarantine."""
    said = {
        "filled": "filled now",
        "in_step": "in step already",
        "gone": "gone",
        "left": "failing still",
    }
    return ", ".join(f"{detail[kind]:,} {text}" for kind, text in said.items() if kind in detail)


def _restored(detail: _Detail) -> str:
    which = f"backup {detail['backup']} of {_moment(detail['taken_at'])}"
    return f"{which} was restored: {detail['rows']:,} rows"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _cause(why: str) -> str:
    """Return why something cannot be done, without what cannot."""
    return re.sub(r"^\S+ cannot be \w+: ", "", why)


def _backed_up(detail: _Detail) -> str:
    rows, seconds = detail["rows"], detail["restore_seconds"]
    return f"backed up: {rows:,} rows, restored on trial in {seconds} s, the same rows came back"


def _measured(detail: _Detail) -> str:
    when = detail["moment"].replace("_", " ")
    return f"queries measured {when}: {'; '.join(detail['objections']) or 'nothing against them'}"


def _decided(detail: _Detail, what: str) -> str:
    seen = detail.get("verification")
    on = f" on verification {seen}" if seen else ""
    return f"gate {detail['gate']} {what}{on}: {detail['reason']} (typed by {detail['account']})"


WORDS: Final[Mapping[str, Callable[[_Detail], str]]] = MappingProxyType(
    {
        "run_began": _began,
        "phase_began": _phase_began,
        "phase_ended": _ended,
        "phase_failed": lambda detail: f"{detail['phase']} failed: {detail['why']}",
        "phase_paused": lambda detail: f"{detail['phase']} paused: {detail['why']}",
        "lock_waited": _waited,
        "slices_cut": _cut,
        "walk_shortened": _shortened,
        "throttled": lambda detail: f"held back by {detail['signal']}: {detail['reason']}",
        "throttle_ended": lambda detail: (
            f"{detail['signal']} holds it back no more, after {detail['seconds']} s"
        ),
        "canary_ended": _canary,
        "quarantine_retried": lambda detail: f"quarantine tried again: {_tried_again(detail)}",
        "quarantine_settled": lambda detail: f"rows left quarantine: {_tried_again(detail)}",
        "table_rewritten": lambda _: "the table was rewritten by somebody: cut anew",
        "key_gone": lambda _: "somebody dropped the key of the walk: cut anew, along another",
        "verified": _verified,
        "measured": _measured,
        "way_back_closed": lambda detail: f"no way back from {detail['step']} on: {detail['why']}",
        "taken_back": lambda detail: f"taken back: {', '.join(detail['steps'])}",
        "held": lambda detail: f"held: {detail['reason']}",
        "rate_set": _rate_set,
        "contracted": lambda detail: (
            f"{'the new columns have the final names' if detail['renamed'] else 'contracted'}; "
            f"release {detail['release']} is live"
        ),
        "excess_accepted": lambda detail: f"begun all the same: {detail['why']}",
        "not_awaited": _not_awaited,
        "verification_withdrawn": lambda detail: f"verification withdrawn: {_cause(detail['why'])}",
        "purged_unproved": lambda detail: (
            f"purged all the same: {detail['reason']} ({_cause(detail['why'])})"
        ),
        "purged_without_backup": lambda detail: (
            f"purged without a backup: {detail['reason']} ({_cause(detail['why'])})"
        ),
        "run_joined": lambda _: "another process joined the backfill",
        "contract_refused": lambda detail: f"no name was changed: {_cause(detail['why'])}",
        "purge_refused": lambda detail: f"purge refused, nothing dropped: {_cause(detail['why'])}",
        "goes_along": lambda detail: (
            f"goes with its column, and is not pgtide's: {'; '.join(detail['what'])}"
        ),
        "open_writes_ended": lambda _: "the open writes that verification waited for have ended",
        "undo_refused": lambda detail: f"undo refused: {_cause(detail['why'])}",
        "backup_began": lambda detail: f"a backup began, in {detail['directory']}",
        "backup_passed": _backed_up,
        "backup_damaged": lambda detail: f"a backup is none any more: {detail['why']}",
        "backup_failed": lambda detail: f"the backup failed: {detail['why']}",
        "backup_removed": lambda detail: f"an old backup was removed: {detail['directory']}",
        "backup_restored": _restored,
        "asked": lambda detail: f"gate {detail['gate']}: a flow run asks in its form, and waits",
        "approved": lambda detail: _decided(detail, "approved"),
        "rejected": lambda detail: _decided(detail, "rejected"),
        "unannounced": lambda detail: (
            f"{detail['notices']:,} messages were not taken by {', '.join(detail['places'])}; the "
            f"last: {detail['last']}"
        ),
        "announced_late": lambda detail: f"{detail['notices']:,} messages of before were told of",
        "released": lambda detail: f"hold of {detail['held_by']} released ({detail['reason']})",
    }
)
