"""The deployments of migration files, as plain values: how each can be started, and when it is.

What serves them, and the file for `prefect deploy`, are made from these.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from flows.loader import Loaded
from flows.off_peak import Schedule, schedules
from pgtide.model.migration import Migration

# The flows of any migration, by its id; found by name, so that they need no file in the project.
_LATER: Final = "flows.later"
# All that pgtide has deployed.
TAG: Final = "pgtide"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One way to start a flow: its name below the flow's, where the flow is, and its schedules."""

    flow: str
    name: str
    # A file's path from the project's folder and a name in it, or a module's.
    entrypoint: str
    description: str
    tags: tuple[str, ...]
    parameters: Mapping[str, object] = field(default_factory=dict)
    schedules: tuple[Schedule, ...] = ()

    @property
    def full_name(self) -> str:
        """Return the name by which Prefect finds it."""
        return f"{self.flow}/{self.name}"


def deployments(loaded: Sequence[Loaded]) -> tuple[Deployment, ...]:
    """Return the deployments of migration files, in the order of ids, then those for all."""
    return (*(one for each in loaded for one in _of(each)), *FOR_ALL)


def tags(migration: Migration) -> tuple[str, ...]:
    """Return the tags by which a person finds all that belongs to a migration."""
    name = migration.table_name
    table = name.name if name.schema == "public" else f"{name.schema}.{name.name}"
    return (TAG, f"table:{table}", mark_of(migration.id))


def mark_of(migration_id: str) -> str:
    """Return the tag of a migration."""
    return f"migration:{migration_id}"


def _of(one: Loaded) -> Iterator[Deployment]:
    migration, marks = one.migration, tags(one.migration)
    here = f"{one.path.as_posix()}:flow"
    about = migration.description.rstrip(".")
    yield Deployment(
        flow=one.id,
        name="migrate",
        entrypoint=here,
        description=f"{about}: go on with what is left, up to verify.",
        tags=marks,
    )
    if migration.window is not None:
        yield Deployment(
            flow=one.id,
            name="off-peak",
            entrypoint=here,
            description=(
                f"{about}: go on whenever its window opens ({migration.window}); it ends when the "
                "window closes. What was undone is not started over."
            ),
            tags=marks,
            # A schedule is nobody's wish to begin again.
            parameters={"parameters": {"start_over": False}},
            schedules=schedules(migration.window, migration.id),
        )
    for flow, does in _RELEASES.items():
        yield Deployment(
            flow=flow,
            name=one.id,
            entrypoint=f"{_LATER}.{flow}",
            description=f"{about}: {does}",
            tags=marks,
            parameters={"migration": one.id},
        )


_RELEASES: Final[Mapping[str, str]] = {
    "contract": "give the new columns their final names, once the contract release is live.",
    "purge": "drop what only the old shape needs; there is no way back from here.",
    "rollback": "back to the old shape, every write kept.",
}
_UNATTENDED: Final = "flows.unattended"
# What looks after all migrations.
FOR_ALL: Final = (
    Deployment(
        flow="resume",
        name="all",
        entrypoint=f"{_UNATTENDED}.resume",
        description="Start a run for each migration that failed or was cut off, and can go on. An "
        "operator's hold stays, unless its end is asked for. Hourly: only what was cut off.",
        tags=(TAG,),
        parameters={"parameters": {}},
        schedules=(
            Schedule(
                slug="hourly",
                zone="UTC",
                # Off the hour, when everybody else begins.
                cron="17 * * * *",
                parameters={"parameters": {"only_cut_off": True}},
            ),
        ),
    ),
    Deployment(
        flow="reaper",
        name="all",
        entrypoint=f"{_UNATTENDED}.reaper",
        description="Give flow runs that lost their process back to a runner, and wake those whose "
        "gate was decided elsewhere.",
        tags=(TAG,),
        schedules=(Schedule(slug="every-two-minutes", zone="UTC", cron="*/2 * * * *"),),
    ),
    Deployment(
        flow="purge-due",
        name="all",
        entrypoint=f"{_UNATTENDED}.purge_due",
        description="Ask a person about each migration whose retention is over; nothing is dropped "
        "without an answer.",
        tags=(TAG,),
        # On working days: a person is asked.
        schedules=(Schedule(slug="working-days", zone="UTC", cron="7 9 * * mon-fri"),),
    ),
)
