"""The first half: a migration under load, killed, resumed, verified, spoilt and repaired."""

import time
from typing import Final

from demo import control, crash, damage, database, growth, noise, shape
from demo.crash import Checkpoint, Crash
from demo.database import Sizes
from demo.growth import Yardsticks
from demo.noise import Noise
from demo.observe import phase_times, read_status, verdict
from demo.play import EXPAND, ID, LOAD_A, LOAD_B, LOAD_C, MIGRATION, Play, record
from demo.releases import RELEASE_A, RELEASE_B
from demo.result import Check, PhaseTime, Repair
from demo.stage import Stage
from demo.traffic import Load
from pgtide.errors import Mismatched
from pgtide.postgres.session import connect

_KILL_AT: Final = 0.4
# A process that has just started runs its first statements on cold caches.
_WARM_UP: Final = 1.0


def set_the_scene(stage: Stage) -> tuple[Yardsticks, str, frozenset[str]]:
    """Create the table; return how much it may grow, its dump and its definition."""
    stage.narrator.chapter("A table that is in use")
    stage.narrator.say(f"{stage.rows:,} users are written, with indexes and a trigger.")
    database.create_users(stage.url, rows=stage.rows)
    control.create(stage.url, stage.control_url)
    stage.narrator.say(
        "For comparison, a copy of it is migrated by ONE UPDATE, and another is freshly written: "
        "the largest and the smallest that the table may become."
    )
    yardsticks = growth.measure(stage.url, rows=stage.rows)
    stage.narrator.say(
        f"The UPDATE took {yardsticks.update.seconds:.1f} s; somebody who wrote a row meanwhile "
        f"waited for {yardsticks.update.longest:.1f} s."
    )
    with connect(stage.url, purpose="demo") as session:
        database.season(session)
        definition = shape.definition(session)
    dump = shape.dump(stage.url, pg_dump=stage.pg_dump)
    return yardsticks, shape.keep(dump, stage.place / "users-before.sql"), definition


def measure_noise(play: Play) -> Noise:
    """Watch release A, with the load that the others will bring, while nobody migrates."""
    narrator, more = play.stage.narrator, Load(rate=LOAD_B.rate + LOAD_C.rate)
    narrator.chapter("How noisy is this machine?")
    narrator.say(
        f"The application works, {LOAD_A.rate + more.rate:.0f} statements a second, and nobody "
        f"migrates: {noise.SECONDS:.0f} s. A control works on a table of its own until the end, to "
        "tell what makes everybody wait from what makes this table wait."
    )
    release_a = play.cast.start(RELEASE_A, LOAD_A, "A")
    beside = play.cast.start_control()
    extra = play.cast.start(RELEASE_A, more, "A-extra", rolled_out=False)
    time.sleep(_WARM_UP)
    measured = noise.measure([release_a, extra], beside)
    play.cast.stop("A-extra")
    narrator.say(
        f"The longest of {measured.statements:,} statements took "
        f"{measured.longest * 1000:.0f} ms. Release A goes on until the end."
    )
    return measured


def back_up_and_expand(play: Play) -> float:
    """Take the backup and widen the table; return when that began."""
    narrator = play.stage.narrator
    narrator.chapter("A backup that was tried; then the new columns, in one short transaction")
    narrator.say(
        "`up` would go on by itself; here it is asked to stop after each of the two, so that what "
        "the application notices can be told apart."
    )
    began = play.timeline.begin("the backup")
    play.up(until="backup")
    play.timeline.begin(EXPAND)
    play.up(until="expand")
    return began


def kill_the_worker(play: Play) -> tuple[Checkpoint, int]:
    """Kill the worker in mid-backfill; return the checkpoint, and how many rows are in step."""
    play.timeline.begin("the backfill until the kill")
    narrator = play.stage.narrator
    narrator.chapter("A worker fills the old rows, and is killed")
    narrator.say("The batches are small; each commits together with its checkpoint.")
    with (
        play.session() as session,
        play.stage.commands.start("up", MIGRATION) as worker,
    ):
        crash.await_share(session, ID, _KILL_AT, working=lambda: worker.working)
        worker.kill()
        in_step = crash.note(session)
        at = crash.checkpoint(session, record(session))
    narrator.struck(
        f"SIGKILL after {at.walked:.0%} of the backfill. The ledger knows {at.batches:,} "
        f"committed batches with {at.rows:,} rows."
    )
    return at, in_step


def resume(play: Play, at: Checkpoint, in_step: int) -> Crash:
    """Run the same command again, and see what it did again."""
    play.timeline.begin("the backfill, resumed")
    play.stage.narrator.chapter("The same command again: it goes on")
    play.stage.narrator.say("A new worker takes over and begins at the last checkpoint.")
    play.up(until="backfill")
    with play.session() as session:
        end = crash.checkpoint(session, record(session))
        return Crash(at=at, end=end, in_step=in_step, redone=crash.redone(session))


def finish(play: Play) -> tuple[Check, tuple[PhaseTime, ...], Sizes]:
    """Let release B out, build the index, verify; return the verdict, the phases and the sizes."""
    play.timeline.begin("finalize and verify")
    narrator = play.stage.narrator
    narrator.chapter("The new names are filled: release B goes out")
    narrator.say(
        "From `backfilled` on a release may know the new names alone. Release B does, release A "
        "still knows only the old ones; the triggers keep both true. finalize builds the new "
        "index, verify reads every row."
    )
    play.cast.start(RELEASE_B, LOAD_B, "B")
    play.up()
    status = read_status(play.stage.commands, MIGRATION)
    with play.session() as session:
        return verdict(status), phase_times(status), database.sizes(session, database.TABLE)


def spoil_and_repair(play: Play) -> Repair:
    """Write a wrong value past the triggers, see it found, and mended."""
    play.timeline.begin("a row is spoilt, found and mended")
    narrator, commands = play.stage.narrator, play.stage.commands
    narrator.chapter("Somebody spoils a row behind the triggers' back")
    with play.session() as session:
        spoilt = damage.spoil(session, rows=play.stage.rows)
    narrator.struck(f"With the triggers off, user {spoilt.id} got another verification_token_v2.")
    said = commands.read("verify", MIGRATION, expected=Mismatched.exit_code)
    found = said["verification"]
    narrator.output(said["error"]["message"])
    narrator.output(said["error"]["remedy"])
    narrator.say("verify only reads. `up` repairs, makes the triggers whole, verifies again.")
    play.up()
    with play.session() as session:
        mended = damage.mended(session, spoilt)
    return Repair(
        damage=spoilt,
        exit_code=Mismatched.exit_code,
        mismatches=found["mismatches"],
        named=tuple(one["key"]["id"] for one in found["sample"]),
        mended=mended,
        check=verdict(read_status(commands, MIGRATION)),
    )
