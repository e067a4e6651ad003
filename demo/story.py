"""The story: a migration under load, killed, resumed, spoilt, repaired and taken back."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final

from demo import crash, damage, database, growth, noise, shape
from demo.crash import Checkpoint, Crash
from demo.database import Sizes
from demo.ending import settle_up
from demo.growth import Yardsticks
from demo.journal import Entry
from demo.noise import Noise
from demo.observe import phase_times, read_status, traffic, verdict
from demo.releases import RELEASE_A, RELEASE_B, Release
from demo.result import Check, PhaseTime, Repair, Result
from demo.stage import Stage
from demo.timeline import Timeline
from demo.traffic import Application, Load, application
from pgtide.errors import Failed, Mismatched
from pgtide.ledger.record import Record, find
from pgtide.postgres.session import Session, connect

# By its version; any unique part of its id would do.
MIGRATION: Final = "2.1.0"
ID: Final = "20251231_120000_email_verification_v2"
_KILL_AT: Final = 0.4
_LOAD_A: Final = Load(rate=90)
_LOAD_B: Final = Load(rate=60)
# A process that has just started runs its first statements on cold caches.
_WARM_UP: Final = 1.0
# Release A goes on alone for so long after `down`.
_AFTER: Final = 2.0


class Story:
    """Tell it chapter by chapter; each measures what the closing screen shows."""

    def __init__(self, stage: Stage, actors: ExitStack) -> None:
        self._stage = stage
        self._actors = actors
        self._timeline = Timeline()
        self._cast: list[Application] = []

    def tell(self) -> Result:
        """Play it from an empty server to the table as it was; raises what stops it."""
        begun = time.monotonic()
        yardsticks, before = self._set_the_scene()
        ready = time.monotonic()
        release_a, quiet = self._measure_noise()
        began = self._timeline.begin("expand, and the backfill until the kill")
        broken = self._resume(*self._kill_the_worker())
        release_b = self._start(RELEASE_B, _LOAD_B, "B")
        first, phases, migrated = self._finish()
        repair = self._spoil_and_repair()
        down_at = self._take_back(release_a, release_b)
        ended = self._timeline.begin("after down")
        undone = settle_up(self._stage, self._entries(), before=before, down_at=down_at)
        self._stage.disk.look()
        return Result(
            rows=self._stage.rows,
            setup_seconds=ready - begun,
            story_seconds=time.monotonic() - ready,
            disk_bytes=self._stage.disk.most,
            noise=quiet,
            phases=(*phases, *self._phase("rollback")),
            traffic=traffic(
                self._entries(), self._timeline, self._stage.probe.stills, began=began, ended=ended
            ),
            crash=broken,
            growth=yardsticks,
            migrated=migrated,
            first=first,
            repair=repair,
            undone=undone,
        )

    def _set_the_scene(self) -> tuple[Yardsticks, str]:
        stage = self._stage
        stage.narrator.chapter("A table that is in use")
        stage.narrator.say(f"{stage.rows:,} users are written, with indexes and a trigger.")
        database.create_users(stage.url, rows=stage.rows)
        stage.narrator.say(
            "For comparison, a copy of it is migrated by ONE UPDATE, and another is freshly "
            "written: the largest and the smallest that the table may become."
        )
        yardsticks = growth.measure(stage.url, look=stage.disk.look)
        with connect(stage.url, purpose="demo") as session:
            database.season(session)
        dump = shape.dump(stage.url, pg_dump=stage.pg_dump)
        return yardsticks, shape.keep(dump, stage.place / "users-before.sql")

    def _measure_noise(self) -> tuple[Application, Noise]:
        rate = _LOAD_A.rate + _LOAD_B.rate
        self._stage.narrator.chapter("How noisy is this machine?")
        self._stage.narrator.say(
            f"The application works, {rate:.0f} statements a second, and nobody migrates: "
            f"{noise.SECONDS:.0f} s."
        )
        release_a = self._start(RELEASE_A, _LOAD_A, "A")
        # The load that release B will bring later.
        extra = self._start(RELEASE_A, _LOAD_B, "A-extra")
        time.sleep(_WARM_UP)
        measured = noise.measure([release_a, extra], self._stage.probe)
        extra.stop()
        self._stage.narrator.say(
            f"The longest of {measured.statements:,} statements took "
            f"{measured.longest * 1000:.0f} ms. Release A goes on until the end."
        )
        return release_a, measured

    def _kill_the_worker(self) -> tuple[Checkpoint, int]:
        narrator = self._stage.narrator
        narrator.chapter("A worker begins the migration, and is killed")
        narrator.say(
            "expand adds columns and triggers in one short transaction; backfill then fills old "
            "rows in small batches. Each batch commits together with its checkpoint."
        )
        with (
            self._session() as session,
            self._stage.commands.start("up", MIGRATION) as worker,
        ):
            crash.await_share(session, ID, _KILL_AT, working=lambda: worker.working)
            worker.kill()
            in_step = crash.note(session)
            at = crash.checkpoint(session, self._record(session))
        narrator.struck(
            f"SIGKILL after {at.walked:.0%} of the backfill. The ledger knows {at.batches:,} "
            f"committed batches with {at.rows:,} rows."
        )
        return at, in_step

    def _resume(self, at: Checkpoint, in_step: int) -> Crash:
        self._timeline.begin("the backfill, resumed")
        self._stage.narrator.chapter("The same command again: it goes on")
        self._stage.narrator.say("A new worker takes over and begins at the last checkpoint.")
        self._stage.commands.run("up", MIGRATION, "--until", "backfill")
        with self._session() as session:
            end = crash.checkpoint(session, self._record(session))
            return Crash(at=at, end=end, in_step=in_step, redone=crash.redone(session))

    def _finish(self) -> tuple[Check, tuple[PhaseTime, ...], Sizes]:
        self._timeline.begin("finalize and verify")
        self._stage.narrator.chapter("The new names are filled: release B goes out")
        self._stage.narrator.say(
            "From `backfilled` on a release may know the new names alone. Release B does, release "
            "A still knows only the old ones; the triggers keep both true. finalize builds the new "
            "index, verify reads every row."
        )
        self._stage.commands.run("up", MIGRATION)
        status = read_status(self._stage.commands, MIGRATION)
        with self._session() as session:
            return verdict(status), phase_times(status), database.sizes(session, database.TABLE)

    def _spoil_and_repair(self) -> Repair:
        self._timeline.begin("a row is spoilt, found and mended")
        narrator, commands = self._stage.narrator, self._stage.commands
        narrator.chapter("Somebody spoils a row behind the triggers' back")
        with self._session() as session:
            spoilt = damage.spoil(session, rows=self._stage.rows)
        narrator.struck(
            f"With the triggers off, user {spoilt.id} got another verification_token_v2."
        )
        said = commands.read("verify", MIGRATION, expected=Mismatched.exit_code)
        found = said["verification"]
        narrator.output(said["error"]["message"])
        narrator.output(said["error"]["remedy"])
        narrator.say("verify only reads. `up` repairs, makes the triggers whole, verifies again.")
        commands.run("up", MIGRATION)
        with self._session() as session:
            mended = damage.mended(session, spoilt)
        return Repair(
            damage=spoilt,
            exit_code=Mismatched.exit_code,
            mismatches=found["mismatches"],
            named=tuple(one["key"]["id"] for one in found["sample"]),
            mended=mended,
            check=verdict(read_status(commands, MIGRATION)),
        )

    def _take_back(self, release_a: Application, release_b: Application) -> datetime:
        self._timeline.begin("down")
        narrator = self._stage.narrator
        narrator.chapter("And back, as if nothing had been")
        narrator.say(
            "Release B stops: its names are about to go. Values that the old shape cannot hold go "
            "to pgtide.archive; every write to an old column stays, whoever made it."
        )
        release_b.require()
        release_b.stop()
        moment = datetime.now(UTC)
        self._stage.commands.run("down", MIGRATION, "--yes")
        time.sleep(_AFTER)
        release_a.require()
        release_a.stop()
        return moment

    def _start(self, release: Release, load: Load, name: str) -> Application:
        started = self._actors.enter_context(
            application(
                release,
                load,
                name=name,
                place=self._stage.place,
                environment=self._stage.environment,
                rows=self._stage.rows,
            )
        )
        self._cast.append(started)
        self._stage.disk.look()
        return started

    def _entries(self) -> list[Entry]:
        return [entry for one in self._cast for entry in one.entries]

    def _phase(self, name: str) -> tuple[PhaseTime, ...]:
        found = phase_times(read_status(self._stage.commands, MIGRATION))
        return tuple(one for one in found if one.phase == name)

    def _session(self) -> Session:
        return connect(self._stage.url, purpose="demo")

    @staticmethod
    def _record(session: Session) -> Record:
        record = find(session, ID)
        if record is None:
            raise Failed(
                f"The ledger does not know {ID}.",
                state="The demo stops here and takes everything down.",
                remedy="See what `pgtide up` said above.",
            )
        return record
