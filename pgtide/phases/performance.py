"""Measure the declared queries, and keep contract from making them slower than they may be."""

from typing import Final

from pgtide.errors import Refused, StatementFailed
from pgtide.events import QueryMeasured
from pgtide.ledger import audit, performance
from pgtide.ledger.run import Run
from pgtide.model.performance import Measurement, Moment, Performance, objections
from pgtide.model.plan import Plan
from pgtide.model.table import Table
from pgtide.postgres.catalog import read_size
from pgtide.postgres.faults import Transient
from pgtide.postgres.free_statement import refuse_query
from pgtide.postgres.mistake import mistake
from pgtide.postgres.query_plan import LIMIT, Shape, taken
from pgtide.postgres.session import Session

# When the final names still belong to the old columns, and contract is what is asked about.
_AHEAD: Final = frozenset({Moment.AFTER_FINALIZE, Moment.BEFORE_CONTRACT})


def measure(run: Run, moment: Moment) -> tuple[Measurement, ...]:
    """Run the declared queries and keep what they took; returns at once where there are none."""
    if not run.plan.performance:
        return ()
    if moment is Moment.BEFORE_EXPAND and _known(run, moment):
        # Expand may have acted since: what came before it cannot be measured again.
        return _known(run, moment)
    found = []
    for ordinal, one in enumerate(run.plan.performance):
        run.check()
        found.append(_measured(run, ordinal, one, moment))
        run.emit(
            QueryMeasured(
                moment=moment,
                query=one.query,
                median_ms=found[-1].median_ms,
                max_ms=one.max_ms,
                scans=found[-1].scans,
            )
        )
    slower = () if moment is Moment.BEFORE_EXPAND else _objections(run, tuple(found))
    with run.session.transaction(settings={"synchronous_commit": "on"}) as session:
        for measurement in found:
            performance.keep(session, run.lease, measurement)
        audit.note(session, run.lease, "measured", moment=moment, objections=slower)
    return tuple(found)


def refuse_slower(run: Run) -> None:
    """Raise Refused where a query would be slower after contract than it may be.

    It is measured now, through the shape that contract would give.
    """
    found = _objections(run, measure(run, Moment.BEFORE_CONTRACT))
    if found:
        raise Refused(
            f"{run.plan.migration_id} would slow the application down: {'; '.join(found)}.",
            state="No name was changed; the migration is verified as before.",
            remedy=(
                "Build what the query needs (an index on the new column, CONCURRENTLY) and run the "
                "command again; or `pgtide down`, mend the file, and begin anew."
            ),
        )


def refuse_queries(session: Session, table: Table, plan: Plan) -> None:
    """Raise InvalidMigration where a declared query does not run, or does more than read."""
    for number, one in enumerate(plan.performance, start=1):
        label = f"Performance {number}"
        refuse_query(session, label, one.query, table)
        # As it will be read before contract, too: here every column keeps its name.
        same = {column.name: column.name for column in table.columns}
        for names in ({}, same):
            shape = Shape(table=table.name, oid=table.oid, names=names)
            try:
                found = taken(session, one.query, shape, runs=1)
            except Transient:
                raise
            except StatementFailed as error:
                raise mistake(label, error.what.rstrip(".")) from error
            if found.median_ms is None:
                raise mistake(label, f"it does not end in {LIMIT.total_seconds():.0f} s")


def _known(run: Run, moment: Moment) -> tuple[Measurement, ...]:
    found = performance.measured(run.session, run.record)
    return tuple(one for one in found if one.moment is moment)


def _objections(run: Run, after: tuple[Measurement, ...]) -> tuple[str, ...]:
    return objections(_known(run, Moment.BEFORE_EXPAND), after)


def _measured(run: Run, ordinal: int, one: Performance, moment: Moment) -> Measurement:
    plan = run.plan
    swapped = {
        name: other
        for pair in plan.replacements
        for name, other in ((pair.new, pair.old), (pair.old, pair.retired))
    }
    shape = Shape(table=plan.table, oid=plan.table_oid, names=swapped if moment in _AHEAD else {})
    found = taken(run.session, one.query, shape, runs=one.runs)
    return Measurement(
        ordinal=ordinal,
        moment=moment,
        query=one.query,
        max_ms=one.max_ms,
        median_ms=found.median_ms,
        scans=found.scans,
        blocks=read_size(run.session, plan.table_oid).blocks,
        plan=found.plan,
    )
