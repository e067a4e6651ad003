"""The story: killed, resumed, spoilt, repaired, contracted, undone from psql, done again."""

import time
from contextlib import ExitStack

from demo import first_release, later_release
from demo.cast import Cast
from demo.ending import completed
from demo.observe import phase_times, read_status, scene_wait, traffic
from demo.play import LOCKED, MIGRATION, REFILL, Play, state
from demo.result import Filling, PhaseTime, Result, Traffic
from demo.stage import Stage
from demo.timeline import Timeline


def tell(stage: Stage, actors: ExitStack) -> Result:
    """Play it from an empty server to the table in its new shape; raises what stops it."""
    begun = time.monotonic()
    play = Play(stage=stage, cast=Cast(stage, actors, lambda: state(stage)), timeline=Timeline())
    yardsticks, dump, definition = first_release.set_the_scene(stage)
    ready = time.monotonic()
    quiet = first_release.measure_noise(play)
    began = first_release.back_up_and_expand(play)
    broken = first_release.resume(play, *first_release.kill_the_worker(play))
    first, phases, migrated = first_release.finish(play)
    repair = first_release.spoil_and_repair(play)
    backup = later_release.back_up(play)
    later_release.contract(play)
    taken_back = later_release.undo_from_psql(play, dump)
    refilled = later_release.forward_again(play)
    later_release.purge(play)
    ended = play.timeline.begin("after the story")
    end = completed(stage, play.cast.entries, before=definition, migration=MIGRATION)
    return Result(
        rows=stage.rows,
        setup_seconds=ready - begun,
        story_seconds=time.monotonic() - ready,
        disk_bytes=stage.disk.most,
        noise=quiet,
        phases=(*phases, *_later_phases(play)),
        traffic=_traffic(play, began, ended),
        crash=broken,
        filling=_filling(play, *refilled),
        growth=yardsticks,
        migrated=migrated,
        first=first,
        repair=repair,
        backup=backup,
        undone=taken_back,
        completed=end,
        stays=play.cast.stays,
        processes=stage.roll.processes,
    )


def _traffic(play: Play, began: float, ended: float) -> Traffic:
    return traffic(
        play.cast.entries,
        play.timeline,
        play.cast.held,
        began=began,
        ended=ended,
        locked=LOCKED,
    )


def _filling(play: Play, workers: int, time: PhaseTime) -> Filling:
    seen = scene_wait(REFILL, play.cast.entries, play.timeline, play.cast.held)
    return Filling(workers=workers, rows=time.rows or 0, seconds=time.seconds, longest=seen.longest)


def _later_phases(play: Play) -> tuple[PhaseTime, ...]:
    found = phase_times(read_status(play.stage.commands, MIGRATION))
    return tuple(one for one in found if one.phase in {"contract", "purge"})
