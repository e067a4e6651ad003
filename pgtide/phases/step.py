"""Carry out one step: check, act, post-check from the catalog."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pgtide.errors import Failed
from pgtide.events import LockWaited, StatementBegan, StatementEnded, StepBegan, StepEnded
from pgtide.ledger import audit, steps
from pgtide.ledger.record import fence
from pgtide.ledger.run import Run
from pgtide.model.plan import Plan
from pgtide.model.statement import Lock, Step
from pgtide.postgres.ddl import fill, relation, search_path
from pgtide.postgres.faults import Transient
from pgtide.postgres.locks import LockPolicy, LockTry, patiently
from pgtide.postgres.referenced import lock_referenced, read_referenced
from pgtide.postgres.session import Session
from pgtide.postgres.tree_lock import LOCKING, execute_lock, lock_tree

# A concurrent build that lost to a deadlock, or was cancelled with its lock, is tried again from a
# clean table.
_BUILDS: Final = 3

# What joins a step: in the transaction of a transactional one, right after the acts of another.
After = Callable[[Session], None]
# What looks under the locks of a transactional step, before it changes anything.
Guard = Callable[[Session], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What looks under a step's locks before it acts, and what joins it after its acts."""

    guard: Guard | None = None
    also: After | None = None


def perform(
    run: Run,
    step: Step,
    *,
    ordinal: int,
    also: After | None = None,
    guard: Guard | None = None,
    anew: bool = False,
) -> None:
    """Bring a step's effect about, unless it is there.

    `also` joins its transaction or comes right after it; `guard` looks once the locks that a
    transactional step begins with are held, and stops it by raising.
    """
    run.check()
    if step.taken and not anew:
        _refuse_taken(run, step)
    if step.present and not anew and present(run, step):
        _note_present(run, step, ordinal, also)
        return
    run.emit(StepBegan(step=step.name))
    begun = run.clock.monotonic()
    tries = (
        _together(run, step, ordinal, Around(guard=guard, also=also))
        if step.transactional
        else _apart(run, step, ordinal, also)
    )
    if step.present and not present(run, step):
        raise Failed(
            f"{step.name} ran without an error, yet the catalog does not show its effect.",
            state="The steps before it are kept.",
            remedy=(
                "See `pgtide plan` for its statements, then run `pgtide up` again, or `pgtide "
                "down`."
            ),
        )
    seconds = run.clock.monotonic() - begun
    run.emit(StepEnded(step=step.name, tries=tries, seconds=seconds, skipped=False))


def _refuse_taken(run: Run, step: Step) -> None:
    """Raise Failed where a name is somebody else's: undo would take away what is not ours."""
    known = {one.name for one in steps.recorded(run.session, run.lease.migration_id)}
    found = None if step.name in known else run.session.value(step.taken)
    if found:
        raise Failed(
            f"{step.name} cannot begin: {found}, and pgtide did not make it.",
            state="The steps before it are kept.",
            remedy="Rename or drop that, then run `pgtide up` to go on, or `pgtide down` to undo.",
        )


def policy(run: Run) -> LockPolicy:
    """Return how this run asks for strong locks."""
    return LockPolicy(wait=run.settings.lock_wait, tries=run.settings.lock_tries)


def waited(run: Run, name: str, attempt: LockTry) -> None:
    """Tell listeners and the audit who was in the way of a lock; raise where the run must stop."""
    told = LockWaited(
        step=name,
        attempt=attempt.attempt,
        tries=attempt.tries,
        blockers=tuple(str(blocker) for blocker in attempt.blockers),
        awaited=attempt.awaited,
        abroad=tuple(blocker.abroad for blocker in attempt.blockers),
    )
    run.emit(told)
    audit.note(
        run.session,
        run.lease,
        "lock_waited",
        step=name,
        attempt=told.attempt,
        blockers=told.blockers,
        awaited=told.awaited,
    )
    run.check()


def present(run: Run, step: Step) -> bool:
    """Tell whether a step's whole effect is in the catalog."""
    return bool(run.session.value(step.present, doing=f"checking {step.name}"))


def _note_present(run: Run, step: Step, ordinal: int, also: After | None) -> None:
    # Acted, but killed before the ledger heard of it; or a step of an earlier run.
    with run.session.transaction() as session:
        fence(session, run.lease)
        known = {one.name: one.state for one in steps.recorded(session, run.lease.migration_id)}
        if known.get(step.name) != "done":
            if known.get(step.name) in {None, "undone"}:
                steps.begin(session, run.lease, step, ordinal=ordinal)
            steps.end(session, run.lease, step, tries=0, seconds=0.0)
        if also is not None:
            also(session)
    run.emit(StepEnded(step=step.name, tries=0, seconds=0.0, skipped=True))


def _together(run: Run, step: Step, ordinal: int, around: Around) -> int:
    """Act in one transaction with the ledger's row; return the tries it took to get the locks."""
    plan = run.plan
    texts = [statement.sql for statement in step.statements]
    beside = read_referenced(run.session, plan.table_oid, texts)

    def work(session: Session) -> None:
        fence(session, run.lease)
        # The expressions' own names, as preflight tried them.
        session.configure({"search_path": search_path(plan.table)}, local=True)
        steps.begin(session, run.lease, step, ordinal=ordinal)
        lock_referenced(session, plan.table, beside)
        if any(one.lock is Lock.ACCESS_EXCLUSIVE for one in step.statements):
            lock_ahead(run, session, texts)
        statements(run, session, step, guard=around.guard)
        if around.also is not None:
            around.also(session)
        steps.end(session, run.lease, step, tries=0, seconds=0.0)

    held = patiently(
        run.session,
        plan.table_oid,
        work,
        policy=policy(run),
        clock=run.clock,
        on_wait=lambda attempt: waited(run, step.name, attempt),
        beside=beside,
    )
    steps.end(run.session, run.lease, step, tries=held.attempts, seconds=held.seconds)
    return held.attempts


def _apart(run: Run, step: Step, ordinal: int, also: After | None) -> int:
    """Act outside a transaction, as CONCURRENTLY must; return the tries."""
    steps.begin(run.session, run.lease, step, ordinal=ordinal)
    begun = run.clock.monotonic()
    for attempt in range(1, _BUILDS + 1):
        run.check()
        try:
            with run.session.unhurried() as session, run.cancellable():
                if step.broken and session.value(step.broken):
                    session.execute(step.clear, doing=f"clearing what {step.name} left half done")
                statements(run, session, step)
        except Transient:
            if attempt == _BUILDS:
                raise
        except Failed:
            # Cancelled because this run must stop: then that is the reason to give.
            run.check()
            raise
        else:
            if also is not None:
                also(run.session)
            steps.end(
                run.session, run.lease, step, tries=attempt, seconds=run.clock.monotonic() - begun
            )
            return attempt
    return _BUILDS


def lock_whole(session: Session, plan: Plan) -> None:
    """Keep everybody off the table to the end of the transaction."""
    # Not ONLY: of a partitioned table each partition too, after it.
    text = fill("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE", table=relation(plan.table))
    session.execute(text, doing="locking the table")


def lock_ahead(run: Run, session: Session, texts: Sequence[str]) -> None:
    """Lock a partitioned table as a whole before statements that would lock part by part.

    Not before those that lock it themselves: a view may have to be locked before it.
    """
    if run.plan.partitioned and not any(text.startswith(LOCKING) for text in texts):
        lock_tree(session, run.plan.table)


def execute(run: Run, session: Session, text: str, *, doing: str) -> None:
    """Execute a statement of a step, or of its undo."""
    if run.plan.partitioned and text.startswith(LOCKING):
        execute_lock(session, text, doing=doing)
    else:
        session.execute(text, doing=doing)


def locking(texts: Sequence[str]) -> int:
    """Return how many statements at the beginning only lock, up to the lock on the table itself.

    What stands between readers and the table, a view, is locked before it.
    """
    places = (number for number, sql in enumerate(texts, 1) if sql.startswith(LOCKING))
    return next(places, 0)


def statements(run: Run, session: Session, step: Step, *, guard: Guard | None = None) -> None:
    """Execute a step's statements, telling listeners before and after each.

    The guard looks after those at the beginning that only lock.
    """
    guarded = locking([statement.sql for statement in step.statements])
    for number, statement in enumerate(step.statements):
        if guard is not None and number == guarded:
            guard(session)
        run.emit(StatementBegan(step=step.name, ordinal=number))
        execute(run, session, statement.sql, doing=f"{step.name}: {statement.why}")
        run.emit(StatementEnded(step=step.name, ordinal=number))
    if guard is not None and guarded == len(step.statements):
        # Nothing but locks: what the guard looks at is all that the step is for.
        guard(session)
