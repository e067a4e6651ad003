"""A plan as rows: each statement with its lock, what that blocks, its limits and its undo.

The text and the JSON of `pgtide plan` are made of these; docs/plan-json.md describes the fields.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from pgtide.backfill.hands import hands
from pgtide.backfill.rate import rate_of
from pgtide.backfill.statements import filling
from pgtide.backfill.walk import NOWHERE, choose, count_cuts, keys_in
from pgtide.ledger.rate import LiveRate
from pgtide.ledger.slices import KeyRange
from pgtide.model.estimate import Estimate
from pgtide.model.performance import Performance
from pgtide.model.plan import BackfillSql, Plan
from pgtide.model.state import UNTOUCHED, Phase, State
from pgtide.model.statement import Finding, Lock, Statement, Step, shown
from pgtide.model.table import TableName
from pgtide.operate.backups import BackupStatus
from pgtide.operate.limit import Limit, one_batch, reading, short, unlimited
from pgtide.postgres.activity import Capacity
from pgtide.postgres.keys import Key
from pgtide.postgres.terrain import Terrain
from pgtide.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStatement:
    """One statement of a plan, and whether it is done."""

    phase: str
    step: str
    state: str
    transactional: bool
    sql: str
    why: str
    lock: str
    blocks: str
    limit: Limit
    rewrites: bool
    undo: str | None
    irreversible: str | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstBackup:
    """The backup with which a migration begins; `seconds` is what the last one took, if known."""

    state: str
    lock: Lock
    blocks: str
    limit: Limit
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillPlan:
    """How the rows would be walked if the backfill began now."""

    blocks: int
    workers: int
    workers_why: str
    slices: int
    walk: str
    slice_blocks: int | None
    key: tuple[str, ...] | None
    slice_keys: int | None
    passes: int
    batch_ms: int
    canary: str | None
    quarantine: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDocument:
    """All that `pgtide plan` shows of one migration."""

    id: str
    version: str
    description: str
    table: str
    state: str
    begun: bool
    first_backup: FirstBackup | None
    backup: BackupStatus | None
    statements: tuple[PlanStatement, ...]
    backfill: BackfillPlan | None
    estimate: Estimate | None
    queries: tuple[Performance, ...]
    waits: tuple[str, ...]
    releases: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """How far a migration has come: its state, and its steps' states by their names."""

    state: State = State.PLANNED
    standing: State = State.PLANNED
    steps: Mapping[str, str] = field(default_factory=dict)


_VERIFIED: Final = MappingProxyType(
    {
        State.VERIFYING: "running",
        State.VERIFIED: "done",
        State.CONTRACTING: "done",
        State.CONTRACTED: "done",
        State.PURGING: "done",
        State.COMPLETED: "done",
    }
)
# A lock ends with its transaction: there is nothing to take back.
_LOCKS: Final = "LOCK TABLE "
_PURGED: Final = "only a backup has what purge drops"
_WALKED: Final = MappingProxyType({State.BACKFILLING: "running"})
_UNWALKED: Final = UNTOUCHED | {
    State.BACKING_UP,
    State.BACKED_UP,
    State.EXPANDING,
    State.EXPANDED,
}


def statements(
    plan: Plan,
    settings: Settings,
    progressed: Progressed,
    *,
    verify_sql: str | None,
    later: Sequence[Step] = (),
    leaf: TableName | None = None,
    key: Key | None = None,
) -> tuple[PlanStatement, ...]:
    """Return every statement of a plan, in the order of execution.

    `later` are the steps of a later release, as the table's shape of now makes them; `leaf` is the
    partition that stands for all of them, and `key` what its walk goes along.
    """
    expand, finalize, contract = (
        [row for step in steps for row in _step(step, settings, progressed, plan)]
        for steps in (plan.expand, plan.finalize, later)
    )
    backfill = []
    if plan.backfill:
        backfill = [_filling(_batch(plan, plan.backfill, leaf, key), progressed)]
    verify = [_verifying(verify_sql, progressed, each=_EACH if leaf else "")] if verify_sql else []
    return (*expand, *backfill, *finalize, *verify, *contract)


def walk(
    settings: Settings, plan: Plan, terrains: Sequence[Terrain], capacity: Capacity
) -> BackfillPlan:
    """Return how the table would be walked now: each leaf as it lies."""
    many = hands(plan.filling, settings.workers, capacity)
    ways = [choose(one, plan.filling, workers=many.number) for one in terrains]
    slices = sum(
        count_cuts(keys_in(one) if way.key else one.blocks, way, plan.filling.canary_share)
        for one, way in zip(terrains, ways, strict=True)
    )
    largest = max(range(len(ways)), key=lambda number: terrains[number].blocks, default=None)
    chosen = NOWHERE if largest is None else ways[largest]
    parts = f"{len(ways)} partitions, the largest: " if plan.partitioned and ways else ""
    return BackfillPlan(
        blocks=sum(one.blocks for one in terrains),
        workers=many.number,
        workers_why=many.why,
        slices=slices,
        walk="key" if chosen.key else "pages",
        slice_blocks=None if chosen.key else chosen.slice_blocks,
        key=chosen.key.names if chosen.key else None,
        slice_keys=chosen.slice_keys if chosen.key else None,
        passes=chosen.passes,
        batch_ms=round(rate_of(settings, plan.filling, LiveRate()).target * 1000),
        canary=plan.filling.canary,
        quarantine=plan.filling.quarantine,
        why=f"{parts}{chosen.why}",
    )


def _step(
    step: Step, settings: Settings, progressed: Progressed, plan: Plan
) -> Iterator[PlanStatement]:
    limit = short(settings) if step.transactional else unlimited()
    # Whatever is taken back is to be done again from the start.
    known = {} if progressed.state in UNTOUCHED else progressed.steps
    for one in step.statements:
        state = known.get(step.name, "pending")
        yield _row(step, one, limit, state, undo=_undo(step, one, plan))


def _undo(step: Step, one: Statement, plan: Plan) -> str | None:
    """Return what takes a statement back, which its step may keep for the end of its undo."""
    if one.undo:
        return one.undo
    turned = {each.sql: each.undo for each in plan.turned}
    if step.phase == Phase.CONTRACT and one.sql in turned:
        return turned[one.sql]
    # A view that is dropped and made again is dropped and made again on the way back, too.
    again = {sql for sql in (*step.undo_first, *step.undo_last) if not sql.startswith(_LOCKS)}
    return one.sql if one.sql in again else None


def _row(
    step: Step, one: Statement, limit: Limit, state: str, *, undo: str | None
) -> PlanStatement:
    return PlanStatement(
        phase=step.phase,
        step=step.name,
        state=state,
        transactional=step.transactional,
        sql=one.sql.strip(),
        why=one.why,
        lock=one.lock,
        blocks=one.blocks,
        limit=limit,
        rewrites=one.rewrites,
        undo=undo and shown(undo),
        irreversible=_PURGED if step.phase == Phase.PURGE else step.irreversible or None,
        findings=one.findings,
    )


def _batch(
    plan: Plan, backfill: BackfillSql, leaf: TableName | None, key: Key | None
) -> tuple[str, str]:
    """Return the statement of a batch, and what it takes."""
    work, each = filling(plan, backfill, leaf, key=key), _EACH if leaf else ""
    if key is not None and work.keyed is not None:
        some = KeyRange(columns=key.names, after=key.names, upto=key.names)
        taken = "the rows whose key is above $1 and up to $2 and that are not in step"
        return work.keyed.text(some), f"a batch: {taken}; the checkpoint commits with it{each}"
    taken = (
        "the rows of blocks $1 to $2 that the pass takes (from $3 to below $4 of 256) and that are "
        "not in step"
    )
    return work.shared, f"a batch: {taken}; the checkpoint commits with it{each}"


def _filling(batch: tuple[str, str], progressed: Progressed) -> PlanStatement:
    standing = progressed.standing
    state = "pending" if standing in _UNWALKED else _WALKED.get(standing, "done")
    sql, why = batch
    return PlanStatement(
        phase=Phase.BACKFILL,
        step="backfill.rows",
        state=state,
        transactional=True,
        sql=_numbered(sql),
        why=why,
        lock=Lock.ROW_EXCLUSIVE,
        blocks="writes to the same rows, for one batch",
        limit=one_batch(),
        rewrites=False,
        undo=None,
    )


def _verifying(sql: str, progressed: Progressed, *, each: str) -> PlanStatement:
    return PlanStatement(
        phase=Phase.VERIFY,
        step="verify.rows",
        state=_VERIFIED.get(progressed.standing, "pending"),
        transactional=False,
        sql=_numbered(sql),
        why=f"reads blocks $1 to $2 and counts the rows that are out of step; writes nothing{each}",
        lock=Lock.ACCESS_SHARE,
        blocks="nothing but DDL",
        limit=reading(),
        rewrites=False,
        undo=None,
    )


_EACH: Final = "; so each partition by itself, this the largest now"
_PLACES: Final = MappingProxyType(
    {"low": "$1", "high": "$2", "share": "$3", "below": "$4", "after": "$1", "upto": "$2"}
)


def _numbered(sql: str) -> str:
    """Write the driver's parameters as PostgreSQL's PREPARE has them."""
    named = re.sub(r"%\((\w+)\)s", lambda found: _PLACES[found.group(1)], sql)
    return named.replace("%%", "%")
