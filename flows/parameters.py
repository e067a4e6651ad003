"""What a person may choose when they start a flow: the fields of the form, and of the API.

In a module of their own, without postponed annotations: else Prefect cannot build them. Choices are
Literals: those become a list to choose from. A deployment's own values are replaced as a whole,
never field by field, so a migration's id is no field here.
"""

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pgtide.model.backfill import MOST_WORKERS
from pgtide.model.rate import LEAST_DUTY

Until = Literal["backup", "expand", "backfill", "finalize", "verify"]


def given(reason: str | None) -> str | None:
    """Return a reason without what is around it; one of blanks is none."""
    return (reason or "").strip() or None


Reason = Annotated[str | None, AfterValidator(given)]
_NOTHING: Final = {"type": "null"}


def _as_form(schema: dict[str, Any]) -> None:
    """Say how the fields are shown: in our order, and as plain inputs.

    The server keeps a schema without its order, and shows by `position`. What may be left empty
    would be a choice between a type and None, which says nothing to who fills it in. Where a field
    has no default, not even None, the server takes an empty one.
    """
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position
        some = [one for one in field.get("anyOf", ()) if one != _NOTHING]
        if len(some) == 1:
            del field["anyOf"], field["default"]
            field.update(some[0])


class Parameters(BaseModel):
    """Refuse a name that is no field: a misspelt wish must not pass for none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_as_form)


class MigrateParameters(Parameters):
    """How far to go, how hard to work, and what not to wait for."""

    until: Until = Field(
        default="verify",
        title="Last phase",
        description="Where to stop. What is done already is not done again.",
    )
    dry_run: bool = Field(
        default=False,
        title="Dry run",
        description="Check everything and show the plan; change nothing.",
    )
    workers: int | None = Field(
        default=None,
        ge=1,
        le=MOST_WORKERS,
        title="Number of workers",
        description="How many fill rows at once; empty: as the migration says.",
    )
    duty: float | None = Field(
        default=None,
        ge=LEAST_DUTY,
        le=1,
        title="Rate",
        description=(
            f"The share of the time to be at work, {LEAST_DUTY:g} to 1; empty: as the migration "
            "says. `pgtide throttle` changes it while the run is at work."
        ),
    )
    hurry: Reason = Field(
        default=None,
        title="Reason not to wait for the window",
        description="Work now, also outside the migration's window. The audit keeps the reason.",
    )
    accept_excess: bool = Field(
        default=False,
        title="Begin whatever it takes",
        description="Begin although the estimate exceeds the disk or a week of windows.",
    )
    start_over: bool = Field(
        default=True,
        title="Start over",
        description="Begin again where the migration was undone.",
    )

    @property
    def aim(self) -> str:
        """Say what a run with these is after, for its name."""
        return "dry run" if self.dry_run else f"to {self.until}"


class ContractParameters(Parameters):
    """The release that is live now; and a reason not to wait for soak or window."""

    release: str = Field(
        title="Release now live",
        description="At least the migration's contract release: 2.2.0.",
    )
    hurry: Reason = Field(
        default=None,
        title="Reason not to wait",
        description="Neither for the end of the soak nor for the window. The audit keeps it.",
    )


class PurgeParameters(Parameters):
    """A reason not to wait for retention or window; one to go without a backup."""

    hurry: Reason = Field(
        default=None,
        title="Reason not to wait",
        description="Neither for the end of the retention nor for the window.",
    )
    without_backup: Reason = Field(
        default=None,
        title="Reason to go without a backup",
        description="Nothing is left then of what purge drops.",
    )


class RollbackParameters(Parameters):
    """How far back: to the start, or to `verified`, which undoes contract only."""

    to: Literal["start", "verified"] = Field(
        default="start",
        title="How far back",
        description="start: the old shape, every write kept. verified: undo contract only.",
    )


class ResumeParameters(Parameters):
    """Which migration, what counts, and whether holds end."""

    migration: Reason = Field(
        default=None,
        title="Migration",
        description="A version or a unique part of an id; empty: all.",
    )
    end_holds: bool = Field(
        default=False,
        title="End holds",
        description="Go on also where an operator holds it, or has paused its run in the UI.",
    )
    only_cut_off: bool = Field(
        default=False,
        title="Only what was cut off",
        description=(
            "Leave alone what failed, was cancelled or interrupted: a person looks at that first. "
            "The schedule does."
        ),
    )

    @property
    def aim(self) -> str:
        """Say what a run with these looks at, for its name."""
        return self.migration or "all"
