"""The second half: the later release, undone from psql alone, and taken to its end."""

import time
from datetime import UTC, datetime
from typing import Final

from demo.client import ask_psql
from demo.ending import undone
from demo.observe import phase_times, read_status
from demo.play import CONTRACT, LOAD_B, LOAD_C, MIGRATION, PURGE, REFILL, UNDO, Play
from demo.releases import RELEASE_B, RELEASE_C
from demo.result import PhaseTime, Tried, Undone
from pgtide.errors import Waiting

# What the demo cannot wait for: soak and retention are days.
_NOW: Final = ("--now", "--reason", "the demo cannot wait for days")
# How long the releases go on together between two acts.
_WHILE: Final = 2.0


def back_up(play: Play) -> Tried:
    """Take another backup by hand, which is tried like the first."""
    play.timeline.begin("a backup by hand")
    narrator = play.stage.narrator
    narrator.chapter("Before the later release: a backup, restored on trial")
    narrator.say("A backup counts only once its restore gave the same rows.")
    play.stage.commands.run("backup", MIGRATION)
    found = read_status(play.stage.commands, MIGRATION)["backup"]
    return Tried(rows=found["rows"], restore_seconds=found["restore_seconds"])


def contract(play: Play) -> None:
    """Ask for contract without an approval, get one, contract, and let release C out."""
    narrator, commands = play.stage.narrator, play.stage.commands
    narrator.chapter("Release 2.2: contract, which somebody has to approve")
    command = ("contract", MIGRATION, "--release", "2.2.0", *_NOW)
    play.timeline.begin("the gate of contract")
    commands.run(*command, expected=Waiting.exit_code)
    narrator.struck("Nobody has approved it: nothing was changed.")
    approve(play, "contract", "release 2.2.0 is tested, and the backup was tried")
    play.timeline.begin(CONTRACT)
    commands.run(*command)
    narrator.say(
        "The names were swapped in one short transaction: release B still finds its _v2 names, and "
        "release C, which knows the final names and the new column, goes out."
    )
    play.timeline.begin("three releases")
    play.cast.start(RELEASE_C, LOAD_C, "C")
    time.sleep(_WHILE)


def undo_from_psql(play: Play, before: str) -> Undone:
    """Take all of it back with psql alone, and compare the shape with what it was."""
    narrator = play.stage.narrator
    narrator.chapter("A DBA takes it all back, from psql alone")
    narrator.say(
        "Releases B and C stop: their names are about to go. Values that the old shape cannot hold "
        "go to pgtide.archive; every other write stays, whoever made it."
    )
    play.cast.stop("C", "B")
    play.timeline.begin(UNDO)
    moment = datetime.now(UTC)
    stage = play.stage
    answer = ask_psql(
        stage.url,
        f"SELECT pgtide.safe_rollback_migration('{MIGRATION}')",
        psql=stage.psql,
        narrator=narrator,
    )
    play.timeline.begin("after the undo")
    found = undone(stage, play.cast.entries, answer=answer, before=before, began=moment)
    same = "byte for byte what it was" if found.dump_identical else "NOT what it was"
    narrator.say(f"pg_dump of the table is {same}.")
    return found


def forward_again(play: Play) -> tuple[int, PhaseTime]:
    """Migrate once more, as far as `contracted`, with all three releases.

    Return how many workers filled the rows, and how long that took.
    """
    narrator, commands = play.stage.narrator, play.stage.commands
    narrator.chapter("Forward again, all the way")
    narrator.say("Backup, gates and approvals start over with it.")
    play.timeline.begin("the second migration")
    play.up(until="expand")
    play.timeline.begin(REFILL)
    play.up(until="backfill")
    play.timeline.begin("the second verification")
    filled = _filled(play)
    play.cast.start(RELEASE_B, LOAD_B, "B-again")
    play.up()
    approve(play, "contract", "the second time; the cause of the undo is mended")
    play.timeline.begin(CONTRACT)
    commands.run("contract", MIGRATION, "--release", "2.2.0", *_NOW)
    play.timeline.begin("three releases, again")
    play.cast.start(RELEASE_C, LOAD_C, "C-again")
    time.sleep(_WHILE)
    return filled


def _filled(play: Play) -> tuple[int, PhaseTime]:
    cuts = [
        one["detail"]["workers"]
        for one in play.stage.commands.read("history", MIGRATION)
        if one["kind"] == "slices_cut"
    ]
    phases = phase_times(read_status(play.stage.commands, MIGRATION))
    return cuts[-1], next(one for one in phases if one.phase == "backfill")


def purge(play: Play) -> None:
    """Let release B end, and take the old columns away; then everybody else ends."""
    narrator, commands = play.stage.narrator, play.stage.commands
    narrator.chapter("Purge: the old columns go; from here there is no way back")
    play.cast.stop("B-again")
    approve(play, "reads_switched", "no release reads the _v2 names any more")
    play.timeline.begin(PURGE)
    commands.run("purge", MIGRATION, "--yes", *_NOW)
    play.timeline.begin("after purge")
    time.sleep(_WHILE)
    play.cast.stop("C-again", "A")


def approve(play: Play, gate: str, reason: str) -> None:
    """Approve a gate as a person would."""
    play.stage.commands.run("approve", MIGRATION, gate, "--by", "ann", "--reason", reason)
