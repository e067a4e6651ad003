"""`pgtide up`: go on with what is pending, through each migration's flow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli.console import say
from cli.display.words import plural, span
from cli.document import plain, show
from cli.flow import loaded, loaded_one, run
from cli.options import AnyId, By, Json, Now, Reason, hurry, settings_of
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import PgtideError
from pgtide.ledger.record import every
from pgtide.model.route import FORWARD, LATER, next_phase
from pgtide.model.state import RUNNING, Phase, State
from pgtide.operate.status import MigrationStatus, status_now
from pgtide.phases.window import refuse_outside
from pgtide.postgres.session import connect
from pgtide.settings import Settings

if TYPE_CHECKING:
    from flows.loader import Loaded

Until = Annotated[
    Phase, typer.Option(metavar="PHASE", help=f"The last phase: {', '.join(FORWARD)}.")
]
Yes = Annotated[
    bool,
    typer.Option("--yes", help="Begin although it may need more than the disk or a week has."),
]

KeepUndone = Annotated[
    bool,
    typer.Option(
        "--keep-undone", help="Leave it alone if it was undone: for what repeats this by itself."
    ),
]

_LATE: Final = frozenset(RUNNING[phase] for phase in LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How far to go, why not to wait for a window, whether to begin whatever it will take.

    And whether to start over what was undone: only where a person named it.
    """

    until: Phase
    hurry: str | None = None
    accepts_excess: bool = False
    start_over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A migration that this command has worked on."""

    status: MigrationStatus
    seconds: float


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(up)


def up(
    ctx: typer.Context,
    migration: AnyId = None,
    *,
    until: Until = Phase.VERIFY,
    now: Now = False,
    reason: Reason = None,
    yes: Yes = False,
    keep_undone: KeepUndone = False,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Go on with what is pending, in the order of ids; stop at the first that fails or waits."""
    if until not in FORWARD:
        raise typer.BadParameter(f"one of {', '.join(FORWARD)}", param_hint="--until")
    why = hurry(now=now, reason=reason)
    settings = settings_of(ctx, by=by)
    folder = loaded(settings)
    work = [loaded_one(folder, migration)] if migration else folder
    start_over = migration is not None and not keep_undone
    todo = pending(settings, work, until, start_over=start_over)
    wish = Wish(until=until, hurry=why, accepts_excess=yes, start_over=start_over)
    go_on(ctx, settings, todo, wish, as_json=as_json)
    if not as_json:
        say(*([] if todo else _idle(settings, work, until)), *_left(settings, work))


def pending(
    settings: Settings, work: Sequence["Loaded"], until: Phase, *, start_over: bool
) -> list["Loaded"]:
    """Return the migrations that have something left to do on the way to a phase.

    One that was undone starts over only where it was named: the next deploy must not repeat what
    a person took back (trap 79).
    """
    with connect(settings.url, purpose="up") as session:
        records = {record.id: record for record in every(session)}
    undone = [i for i, record in records.items() if record.state is State.ROLLED_BACK]
    return [
        one
        for one in work
        if (start_over or one.id not in undone)
        if (record := records.get(one.id)) is None
        or record.state in {State.ROLLING_BACK, State.ROLLBACK_FAILED}
        or next_phase(
            record.state, resume_to=record.resume_to, sweep_due=record.sweep_due, until=until
        )
    ]


def go_on(
    ctx: typer.Context,
    settings: Settings,
    work: Sequence["Loaded"],
    wish: Wish,
    *,
    as_json: bool,
) -> None:
    """Carry out migrations one after the other, and say how each ended."""
    done: list[Done] = []
    for one in work:
        begun = SYSTEM_CLOCK.monotonic()
        try:
            _refuse_outside(settings, one, wish.hurry)
            run(
                settings,
                one,
                until=wish.until,
                hurry=wish.hurry,
                yes=wish.accepts_excess,
                start_over=wish.start_over,
            )
        except PgtideError:
            ctx.meta["pgtide.document"] = {"migrations": plain([each.status for each in done])}
            raise
        ended = Done(status=_status(settings, one.id), seconds=SYSTEM_CLOCK.monotonic() - begun)
        done.append(ended)
        if not as_json:
            say(*_summary(ended))
    if as_json:
        show({"migrations": [each.status for each in done]})


def _refuse_outside(settings: Settings, one: "Loaded", why: str | None) -> None:
    # The flow looks again; here nobody waits for a Prefect server to learn it.
    with connect(settings.url, purpose="up") as session:
        refuse_outside(session, one.migration, clock=SYSTEM_CLOCK, hurry=why)


def _idle(settings: Settings, work: Sequence["Loaded"], until: Phase) -> list[str]:
    """Say of each migration why nothing is to be done, and what it waits for."""
    if not work:
        return ["There is no migration yet. `pgtide create TEXT --table T` writes the first one."]
    with connect(settings.url, purpose="up") as session:
        late = {one.id for one in every(session) if one.standing in _LATE}
        found = [status_now(session, settings, one.id) for one in work if one.id not in late]
    over = [one for one in found if one.state == State.COMPLETED]
    rest = [one for one in found if one.state != State.COMPLETED]
    done = f" {plural(len(over), 'migration')} {'is' if len(over) == 1 else 'are'} completed."
    lines = [f"Nothing to do on the way to {until}.{done if over else ''}"]
    for one in rest:
        waits = "; ".join(each.text for each in one.waiting_for)
        waits = f", waiting for {waits}" if waits else ""
        lines.append(f"{one.id} is {one.state.replace('_', ' ')}{waits}. {one.next}")
    return lines


def _left(settings: Settings, work: Sequence["Loaded"]) -> list[str]:
    """Say of each migration that is in mid-contract or mid-purge which other command goes on."""
    with connect(settings.url, purpose="up") as session:
        left = [one for one in every(session) if one.standing in _LATE]
        ids = {one.id for one in work} & {one.id for one in left}
        found = [status_now(session, settings, one) for one in sorted(ids)]
    return [f"{one.id} is {one.state}, and not for this command. {one.next}" for one in found]


def _status(settings: Settings, migration_id: str) -> MigrationStatus:
    with connect(settings.url, purpose="up") as session:
        return status_now(session, settings, migration_id)


def _summary(done: Done) -> list[str]:
    one = done.status
    rows = f", {plural(one.rows_done, 'row')} written" if one.rows_done else ""
    lines = [f"{one.id} is {one.state} in {span(done.seconds)}{rows}."]
    seen = one.verification
    if seen and seen.passed and not seen.withdrawn and one.state == State.VERIFIED:
        lines.append(f"Verification, level {seen.level}: {seen.rows:,} rows, none out of step.")
    return [*lines, one.next]
