"""New runs for migrations that were left unfinished."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from prefect.client.schemas.objects import FlowRun, StateType

from flows.parameters import ResumeParameters
from flows.service.neighbours import Neighbours, migration_of
from pgtide.ledger.record import Record, every
from pgtide.operate.find import Candidate, find_id
from pgtide.operate.hold import release
from pgtide.operate.unfinished import Unfinished, unfinished
from pgtide.postgres.session import Session
from pgtide.settings import Settings

_TO_COME: Final = (StateType.SCHEDULED, StateType.PENDING, StateType.PAUSED)


def go_on(
    beside: Neighbours, session: Session, settings: Settings, asked: ResumeParameters
) -> Iterator[tuple[str, bool]]:
    """Start a run for each migration that can go on; say of each what comes of it, and whether."""
    to_come = beside.runs(_TO_COME)
    for record in _chosen(session, asked.migration):
        left = unfinished(session, settings, record)
        if left is None or (asked.only_cut_off and not left.by_itself):
            continue
        why_not = left.waits or _held(left, asked)
        mine = [one for one in to_come if migration_of(one) == record.id]
        if why_not is not None:
            yield f"{record.id} {left.why}; it waits for {why_not}", False
            continue
        if left.held:
            release(session, record, by=settings.actor)
        if woken := _resumed(beside, mine, asked):
            yield f"{record.id} {left.why}; {woken.name} goes on", True
        elif coming := _coming(mine):
            yield f"{record.id} {left.why}; {coming.name} is {coming.state_name} already", False
        else:
            yield _begun(beside, record, left)


def _chosen(session: Session, wanted: str | None) -> Iterable[Record]:
    records = every(session)
    if wanted is None:
        return records
    known = [Candidate(id=one.id, version=one.version) for one in records]
    found = find_id(wanted, known)
    return [one for one in records if one.id == found]


def _held(left: Unfinished, asked: ResumeParameters) -> str | None:
    if left.held and not asked.end_holds:
        return f"the end of an operator's hold: `pgtide resume {left.version}`, or ask to end holds"
    return None


def _resumed(
    beside: Neighbours, mine: Iterable[FlowRun], asked: ResumeParameters
) -> FlowRun | None:
    """Resume the run that somebody has paused in the UI, if that was asked for."""
    if not asked.end_holds:
        return None
    for one in mine:
        details = one.state.state_details if one.state else None
        if one.state_type is StateType.PAUSED and details and details.run_input_keyset is None:
            beside.client.resume_flow_run(one.id)
            return one
    return None


def _coming(mine: Iterable[FlowRun]) -> FlowRun | None:
    """Return a run that begins in a moment, or was paused by a person."""
    now = datetime.now(UTC)
    for one in mine:
        expected = one.next_scheduled_start_time or one.expected_start_time
        later = one.state_type is StateType.SCHEDULED and expected is not None and expected > now
        if not later:
            return one
    return None


def _begun(beside: Neighbours, record: Record, left: Unfinished) -> tuple[str, bool]:
    name = f"{record.id}/migrate"
    where = beside.named(name)
    if where is None:
        return f"{record.id} {left.why}; there is no deployment {name} here to go on with", False
    one = beside.client.create_flow_run_from_deployment(
        where.id, parameters={"parameters": {"start_over": False}}
    )
    return f"{record.id} {left.why}; {one.name} goes on", True
