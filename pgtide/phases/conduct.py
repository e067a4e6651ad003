"""What every phase has around it.

The state before, the state after, and the state when it goes wrong.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pgtide.errors import (
    ConnectionLost,
    Fenced,
    Interrupted,
    LockNotAcquired,
    Mismatched,
    PgtideError,
    Refused,
    StatementFailed,
    Waiting,
    WindowClosed,
)
from pgtide.events import PhaseBegan, PhaseEnded
from pgtide.ledger import audit, log, phases
from pgtide.ledger.record import Record, advance, fence
from pgtide.ledger.run import Run
from pgtide.model.state import DONE, RUNNING, UNTOUCHED, Phase, State
from pgtide.phases.target import refuse_moved
from pgtide.postgres.faults import DEPENDENTS

# Where the strategy's log has a migration for a success.
_SETTLED: Final = frozenset({State.VERIFIED, State.CONTRACTED, State.COMPLETED})

# The phases that `pgtide up` does not carry out.
_AGAIN: Final = MappingProxyType(
    {
        Phase.CONTRACT: "pgtide contract {version} --release V",
        Phase.PURGE: "pgtide purge {version}",
        Phase.ROLLBACK: "pgtide down {version}",
    }
)


@dataclass(slots=True)
class Outcome:
    """What a phase has to say at its end."""

    rows: int | None = None


@contextmanager
def conducted(run: Run, phase: Phase, *, to: State | None = None) -> Iterator[Outcome]:
    """Run a phase between its states; `to` is where it ends, if not where it always does.

    A failure is recorded with its reason, an interruption leaves it running.
    """
    run.check()
    if run.session.lost:
        # The phase is tried again after its connection went.
        run.reconnect()
    refuse_moved(run.session, run.plan, undoing=phase is Phase.ROLLBACK)
    begun = run.clock.monotonic()
    _begin(run, phase)
    outcome = Outcome()
    try:
        yield outcome
    except (Fenced, Interrupted, Mismatched, KeyboardInterrupt):
        # Fenced: not ours to write any more. Interrupted: whoever comes next goes on where this one
        # stopped. Mismatched: verify has moved the state itself.
        raise
    except Waiting as waiting:
        _leave(run, phase, State.PAUSED, waiting)
        raise
    except Exception as error:
        if isinstance(error, (ConnectionLost, LockNotAcquired, StatementFailed)):
            error.remedy = _remedy(run, phase, error, to=to)
        # Where the reason cannot be written down (no server, a full disk) it is still told; a
        # takeover is the better reason.
        with suppress(ConnectionLost, Refused, StatementFailed):
            _leave(run, phase, State.FAILED, error)
        raise
    _end(run, phase, outcome, to=to or DONE[phase])
    run.emit(
        PhaseEnded(
            migration_id=run.plan.migration_id,
            phase=phase,
            seconds=run.clock.monotonic() - begun,
            rows=outcome.rows,
        )
    )


def _remedy(
    run: Run,
    phase: Phase,
    error: ConnectionLost | LockNotAcquired | StatementFailed,
    *,
    to: State | None,
) -> str:
    """Return what to do where it is not `pgtide up` that goes on."""
    again = _AGAIN.get(phase)
    if again is None:
        return error.remedy
    command = again.format(version=run.plan.version)
    if to is State.VERIFIED:
        command += " --to verified"
    if isinstance(error, ConnectionLost):
        return f"Run `{command}` to go on from there."
    if isinstance(error, LockNotAcquired):
        return f"End what is in the way or wait for it, then run `{command}` again."
    mend = "Drop or move that" if error.sqlstate == DEPENDENTS else "Mend the cause"
    return f"{mend}, then run `{command}` again."


def _begin(run: Run, phase: Phase) -> None:
    session = run.session
    with session.transaction(settings={"synchronous_commit": "on"}):
        # Nobody can write another declaration down from here to the commit.
        fence(session, run.lease)
        record = run.record
        _refuse_other(run, record)
        if record.state is not RUNNING[phase]:
            again = record.sweep_due or record.state in {State.FAILED, State.PAUSED}
            if again or record.state in UNTOUCHED:
                log.start(session, run.lease, record, log_schema=run.settings.log_schema)
            advance(session, run.lease, record.state, RUNNING[phase])
        if phase is Phase.PURGE:
            log.give_up(session, record, log_schema=run.settings.log_schema)
        phases.begin(session, run.lease, phase)
        audit.note(session, run.lease, "phase_began", phase=phase)
    run.emit(PhaseBegan(migration_id=record.id, phase=phase))


def _refuse_other(run: Run, record: Record) -> None:
    if record.plan != run.plan:
        raise Refused(
            f"{record.id} was written down anew, from another file, before this run began it.",
            state="Nothing was changed by this command.",
            remedy="See which file is right, then run the command again.",
        )


def _end(run: Run, phase: Phase, outcome: Outcome, *, to: State) -> None:
    session = run.session
    with session.transaction(settings={"synchronous_commit": "on"}):
        advance(session, run.lease, RUNNING[phase], to)
        phases.end(session, run.lease, phase, "done", rows=outcome.rows)
        if to in _SETTLED:
            # A try before may have failed, and the log row say so still.
            log.settle(session, run.record, log_schema=run.settings.log_schema)
        if to is State.VERIFIED and phase is Phase.ROLLBACK:
            # As if it had not been: contract is to come again.
            phases.forget(session, run.lease, Phase.CONTRACT)
        audit.note(session, run.lease, "phase_ended", phase=phase, rows=outcome.rows)


def _leave(run: Run, phase: Phase, to: State, error: Exception) -> None:
    if run.session.lost:
        run.reconnect()
    session, record = run.session, run.record
    what = error.what if isinstance(error, PgtideError) else f"{type(error).__name__}: {error}"
    failed = to is State.FAILED
    if phase is Phase.ROLLBACK:
        to = State.ROLLBACK_FAILED
    if record.state is not RUNNING[phase]:
        return
    with session.transaction(settings={"synchronous_commit": "on"}):
        advance(
            session,
            run.lease,
            RUNNING[phase],
            to,
            resume_to=None if phase is Phase.ROLLBACK else RUNNING[phase],
            error=what if failed else None,
            waiting_for=None if failed else what,
            paused_by=_paused_by(to, error),
        )
        phases.end(session, run.lease, phase, "failed" if failed else "paused")
        who = {} if failed else {"by": _paused_by(to, error)}
        audit.note(
            session,
            run.lease,
            "phase_failed" if failed else "phase_paused",
            phase=phase,
            why=what,
            **who,
        )
        if failed:
            _log_failure(run, record, phase, what)


def _paused_by(to: State, error: Exception) -> str | None:
    if to is not State.PAUSED:
        return None
    return "window" if isinstance(error, WindowClosed) else "operator"


def _log_failure(run: Run, record: Record, phase: Phase, what: str) -> None:
    if record.log_id is not None:
        status = log.ROLLBACK_FAILED if phase is Phase.ROLLBACK else log.FAILED
        log.status(run.session, record, status, log_schema=run.settings.log_schema, error=what)
