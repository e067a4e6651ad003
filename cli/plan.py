"""`pgtide plan`: every statement before it runs; changes nothing."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from cli.console import out, say
from cli.display.plan_text import plan_text
from cli.document import plain, show
from cli.flow import loaded, loaded_one
from cli.options import AnyId, Json, settings_of
from pgtide.backfill.largest_key import largest_key
from pgtide.backfill.terrain_of import terrain_of
from pgtide.changes.part_index import with_parts
from pgtide.clock import SYSTEM_CLOCK
from pgtide.errors import Refused, StatementFailed
from pgtide.ledger import steps
from pgtide.ledger.record import Record, find
from pgtide.model.estimate import Estimate, excesses
from pgtide.model.migration import Migration
from pgtide.model.plan import Plan
from pgtide.model.state import UNTOUCHED, State
from pgtide.model.table import TableName
from pgtide.operate.backups import newest_backup
from pgtide.operate.first_backup import first_backup
from pgtide.operate.gates import expected
from pgtide.operate.notes import notes
from pgtide.operate.plan import BackfillPlan, PlanDocument, Progressed, statements, walk
from pgtide.operate.quarantine import warning
from pgtide.phases.counting import counting
from pgtide.phases.estimate import estimate
from pgtide.phases.later_steps import later_steps
from pgtide.phases.preflight import preflight, warnings
from pgtide.phases.target import target_table
from pgtide.postgres.activity import capacity
from pgtide.postgres.leaves import largest_leaf, read_leaves
from pgtide.postgres.session import Session, connect
from pgtide.postgres.unindexed import read_parts
from pgtide.settings import Settings

if TYPE_CHECKING:
    from flows.loader import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Impossible:
    """A migration that preflight refuses, with its reason."""

    id: str
    version: str
    refused: Refused


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(plan)


def plan(ctx: typer.Context, migration: AnyId = None, *, as_json: Json = False) -> None:
    """Show each statement with its lock, what it blocks, limits and undo; changes nothing."""
    settings = settings_of(ctx)
    folder = loaded(settings)
    with connect(settings.url, purpose="plan") as session:
        if migration:
            one = loaded_one(folder, migration)
            found: list[PlanDocument | Impossible] = [_document(session, settings, one.migration)]
        else:
            found = [_tried(session, settings, one) for one in folder]
    if as_json:
        show([_json(one) for one in found])
        return
    if not found:
        say("There is no migration yet. `pgtide create TEXT --table T` writes the first one.")
    for each in found:
        if isinstance(each, PlanDocument):
            out().print(plan_text(each))
        else:
            error = each.refused
            say(f"{each.id} is refused: {error.what}", f"  {error.state} {error.remedy}", "")


def _tried(session: Session, settings: Settings, one: "Loaded") -> PlanDocument | Impossible:
    try:
        return _document(session, settings, one.migration)
    except Refused as error:
        return Impossible(id=one.id, version=one.migration.version, refused=error)


def _document(session: Session, settings: Settings, migration: Migration) -> PlanDocument:
    settled = preflight(session, settings, migration)
    record = find(session, migration.id)
    begun = record is not None and record.state not in UNTOUCHED
    table = target_table(session, settled.table)
    walked = _walked(session, settings, settled) if settled.backfill else None
    leaf = largest_leaf(session, settled.table_oid) if settled.partitioned else None
    reckoned, unknown = (None, ()) if begun else _estimate(session, settings, settled)
    return PlanDocument(
        id=migration.id,
        version=migration.version,
        description=migration.description,
        table=str(settled.table),
        state=record.state if record else State.PLANNED,
        begun=begun,
        first_backup=first_backup(session, settings, record),
        backup=newest_backup(session, migration.id),
        statements=statements(
            with_parts(settled, read_parts(session, settled.table_oid)),
            settings,
            _progressed(session, record),
            verify_sql=_verify_sql(settled, leaf),
            later=later_steps(session, settled, table, record),
            leaf=leaf,
            key=largest_key(session, settled),
        ),
        backfill=walked,
        estimate=reckoned,
        queries=settled.performance,
        waits=tuple(expected(settled)),
        releases=settled.releases,
        notes=(*settled.notes, *notes(session, settings, settled, walked)),
        warnings=(*warning(session, record), *warnings(session, settled, table), *unknown),
    )


def _estimate(
    session: Session, settings: Settings, settled: Plan
) -> tuple[Estimate | None, tuple[str, ...]]:
    """Return the estimate, and what there is to say where it is missing or more than there is."""
    try:
        window = settled.terms.window
        week = window.week_seconds if window else None
        found = estimate(session, settings, settled, clock=SYSTEM_CLOCK, week_seconds=week)
    except StatementFailed as error:
        return None, (f"There is no estimate: {error.what}",)
    over = excesses(found) if found else ()
    return found, tuple(f"`pgtide up` will want --yes: {one}." for one in over)


def _walked(session: Session, settings: Settings, settled: Plan) -> BackfillPlan:
    leaves = read_leaves(session, settled.table_oid)
    terrains = [terrain_of(session, settled, leaf.oid) for leaf in leaves]
    return walk(settings, settled, terrains, capacity(session))


def _verify_sql(settled: Plan, leaf: TableName | None) -> str | None:
    return counting(settled, leaf) if settled.comparisons else None


def _progressed(session: Session, record: Record | None) -> Progressed:
    if record is None:
        return Progressed()
    return Progressed(
        state=record.state,
        standing=record.standing,
        steps={one.name: one.state for one in steps.recorded(session, record.id)},
    )


def _json(one: PlanDocument | Impossible) -> object:
    if isinstance(one, PlanDocument):
        return {**_fields(one), "refused": None}
    error = one.refused
    return {
        "id": one.id,
        "version": one.version,
        "refused": {
            "code": error.code,
            "message": error.what,
            "state": error.state,
            "remedy": error.remedy,
        },
    }


def _fields(one: PlanDocument) -> dict[str, object]:
    found = plain(one)
    return found if isinstance(found, dict) else {}
