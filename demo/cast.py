"""The applications of the story: who is out, from which state of the migration to which."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

from demo import control
from demo.control import Wait
from demo.journal import Entry
from demo.releases import RELEASE_A, Release
from demo.result import Stay
from demo.stage import Stage
from demo.traffic import Application, Load, application


@dataclass(slots=True, kw_only=True)
class _Role:
    release: Release
    running: Application
    began: str
    rolled_out: bool
    ended: str | None = None


class Cast:
    """Start and stop releases, and remember the states of the migration in which they did so."""

    def __init__(self, stage: Stage, actors: ExitStack, state: Callable[[], str]) -> None:
        self._stage = stage
        self._actors = actors
        self._state = state
        self._roles: dict[str, _Role] = {}
        self._control: Application | None = None

    def start(
        self, release: Release, load: Load, name: str, *, rolled_out: bool = True
    ) -> Application:
        """Let an instance begin to work; its journal is named like it.

        One that is only there to measure by is not `rolled_out`.
        """
        began = self._state()
        running = self._enter(release, load, name, {})
        self._roles[name] = _Role(
            release=release, running=running, began=began, rolled_out=rolled_out
        )
        return running

    def start_control(self) -> Application:
        """Let the control begin to work; what it does is none of the releases'."""
        there = {"DATABASE_URL": self._stage.control_url}
        self._control = self._enter(RELEASE_A, control.LOAD, control.NAME, there)
        return self._control

    @property
    def held(self) -> tuple[Wait, ...]:
        """Return when the control waited."""
        return control.waits(self._control.entries) if self._control else ()

    def _enter(
        self, release: Release, load: Load, name: str, there: Mapping[str, str]
    ) -> Application:
        stage = self._stage
        running = self._actors.enter_context(
            application(
                release,
                load,
                name=name,
                place=stage.place,
                environment={**stage.environment, **there},
                rows=control.ROWS if there else stage.rows,
            )
        )
        stage.roll.note(f"application {name}", running.pid)
        return running

    def stop(self, *names: str) -> None:
        """Let instances finish their statements and end; raises Failed where one is gone."""
        for name in names:
            role = self._roles[name]
            role.running.require()
            role.running.stop()
            role.ended = self._state()

    @property
    def entries(self) -> list[Entry]:
        """Return what all of them have done until now."""
        return [entry for role in self._roles.values() for entry in role.running.entries]

    @property
    def stays(self) -> tuple[Stay, ...]:
        """Return how long each release was out, in the order in which they began."""
        return tuple(_stay(role) for role in self._roles.values() if role.rolled_out)


def _stay(role: _Role) -> Stay:
    entries = role.running.entries
    return Stay(
        release=role.release.name,
        title=role.release.title,
        began=role.began,
        ended=role.ended or "",
        statements=len(entries),
        failed=sum(1 for entry in entries if entry.error is not None),
    )
