"""Preflight: everything that would stop the migration, found before anything has changed."""

import difflib
import json
from collections.abc import Sequence
from typing import Final, cast

from pgtide.changes.change import Change, Impossible
from pgtide.changes.compose import Composed, compose, draft
from pgtide.changes.sync_trigger import names
from pgtide.changes.twin import moves
from pgtide.errors import InvalidMigration, StatementFailed
from pgtide.ledger.record import Record, find, same_version, unfinished_on
from pgtide.model.migration import Migration
from pgtide.model.plan import Plan
from pgtide.model.state import UNTOUCHED
from pgtide.model.table import Table
from pgtide.phases.keyless import refuse_keyless
from pgtide.phases.partitions import refuse_parts, refuse_replaced
from pgtide.phases.performance import refuse_queries
from pgtide.phases.target import refuse_schema, refuse_target, refused, target_table
from pgtide.phases.throttle import blind, refuse_unanswered
from pgtide.phases.user_triggers import firing, refuse_loud, silent
from pgtide.postgres.activity import old_snapshots
from pgtide.postgres.catalog import read_unvalidated_checks
from pgtide.postgres.ddl import fill, relation, search_path
from pgtide.postgres.expressions import bind
from pgtide.postgres.followers import read_followers
from pgtide.postgres.pooler import refuse_pooler
from pgtide.postgres.retyped import misfit
from pgtide.postgres.session import Session
from pgtide.postgres.twins import read_originals
from pgtide.settings import Settings
from pgtide.sql import queries

# Longer than any statement of an application that minds its users.
_OLD_SECONDS: Final = 30.0
_DATA_EXCEPTION: Final = "22"
_SQL: Final = queries("preflight")


def preflight(session: Session, settings: Settings, migration: Migration) -> Plan:
    """Return the plan; raises Refused with reason and remedy, having changed nothing.

    A migration that has begun keeps the plan it began with; its file must not have changed since.
    """
    refuse_target(session, settings)
    refuse_pooler(settings.url)
    begun = find(session, migration.id)
    if begun is not None and begun.state not in UNTOUCHED:
        refuse_edited(begun, migration)
        return begun.plan
    _refuse_others(session, migration)
    table = target_table(session, migration.table_name)
    _refuse_taken(session, migration, table)
    composed = plan_anew(session, migration, table)
    _refuse_names(session, composed.plan)
    _refuse_unfollowable(session, composed.plan)
    _refuse_impossible(session, table, composed)
    refuse_queries(session, table, composed.plan)
    if composed.plan.backfill is not None:
        _refuse_unvalidated(session, table)
        refuse_loud(session, composed.plan)
        refuse_keyless(session, composed.plan)
        refuse_unanswered(session, composed.plan)
    return composed.plan


def plan_anew(session: Session, migration: Migration, table: Table) -> Composed:
    """Compose the plan for a table as it is now.

    Raises InvalidMigration with the place of a mistake.
    """
    sketch = draft(migration, cast("Sequence[Change]", migration.changes), table)
    if table.partitioned:
        refuse_parts(session, table)
        refuse_replaced(
            session, table, [one.replaces for one in sketch.scope.added if one.replaces]
        )
    answers = bind(session, table, sketch.questions)
    originals = read_originals(session, table, moves(sketch.scope, answers))
    return compose(sketch, answers, originals)


def warnings(session: Session, plan: Plan, table: Table) -> tuple[str, ...]:
    """Return what does not stop the migration but is good to know, as sentences."""
    found = [
        f"The backfill's updates fire the application's trigger {name}."
        for name in firing(plan, table)
    ]
    found += [
        f"The application's trigger {name} stays silent in the backfill: what it does to a row is "
        "not done where the backfill writes."
        for name in silent(plan, table)
    ]
    found += [
        f"An old transaction will make index builds wait: {blocker}."
        for blocker in old_snapshots(session, seconds=_OLD_SECONDS)
    ]
    found += [
        f"The replica {row['name']} replays the strong locks: its readers wait for them too."
        for row in session.rows(_SQL["replicas"])
    ]
    found += [
        f"Nobody reads the replication slot {row['name']}: it keeps all WAL of the backfill."
        for row in session.rows(_SQL["idle_slots"])
    ]
    if plan.backfill is not None:
        found += blind(session, plan)
    if not table.key:
        found.append(
            f"{table.name} has no key: archived values would be kept with the whole row as their "
            "key."
        )
    return tuple(found)


def refuse_edited(record: Record, migration: Migration) -> None:
    """Raise where a migration's file is not the one that it began with, showing the difference."""
    if record.checksum == migration.checksum:
        return
    lines = difflib.unified_diff(
        _pretty(record.spec),
        _pretty(migration.canonical),
        "begun with",
        "the file now",
        lineterm="",
        n=1,
    )
    raise InvalidMigration(
        f"{migration.id} was edited after it began:\n" + "\n".join(lines) + "\n",
        state=f"It is {record.state}; nothing was changed.",
        remedy=(
            "Put the file back as it was and go on, or undo the migration with `pgtide down` first."
        ),
    )


def _pretty(text: str) -> list[str]:
    return json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False).splitlines()


def _refuse_others(session: Session, migration: Migration) -> None:
    twin = same_version(session, migration)
    if twin is not None:
        raise refused(
            f"Version {migration.version} is taken by {twin}",
            "Give this migration a version of its own.",
        )


def _refuse_taken(session: Session, migration: Migration, table: Table) -> None:
    first = unfinished_on(session, table.oid, other_than=migration.id)
    if first is not None:
        raise refused(
            f"{table.name} is in the hands of {first[0]}, which is {first[1]}",
            "Finish that migration first, or undo it with `pgtide down`.",
        )
    ours = names(migration.tag).insert_trigger.encode()
    later = [str(t) for t in table.triggers if t.before_row and t.name.encode() > ours]
    if later:
        raise refused(
            f"The trigger {', '.join(later)} would fire after pgtide's own and could undo what "
            "it does",
            "Rename it so that it sorts before `~`.",
        )


def _refuse_names(session: Session, plan: Plan) -> None:
    if plan.expected.indexes or plan.expected.statistics:
        refuse_schema(session, plan.table)
    for step in plan.steps:
        found = session.value(step.taken) if step.taken else None
        if found:
            raise refused(f"{step.name} cannot be made: {found}", "Choose another name.")


def _refuse_unfollowable(session: Session, plan: Plan) -> None:
    # Contract is a release away, and its way must be free before anything is changed.
    found = read_followers(session, plan)
    stuck = "; ".join(found.unfollowable) or misfit(session, plan, found.followers)
    if stuck:
        raise refused(
            f"Contract could not carry over {stuck}",
            "Drop that before the migration and make it again afterwards, or leave the column out.",
        )


def _refuse_unvalidated(session: Session, table: Table) -> None:
    for name, expression in read_unvalidated_checks(session, table.oid):
        query = fill(
            "SELECT count(*) FROM {table} WHERE NOT ({expression})",
            table=relation(table.name),
            expression=expression,
        )
        rows = _count(session, table, query, doing=f"counting rows that break {name}")
        if rows:
            raise refused(
                f"{rows:,} rows of {table.name} break its constraint {name}, which is NOT VALID: "
                "no UPDATE of them would pass",
                "Mend these rows first, or drop the constraint.",
            )


def _count(session: Session, table: Table, query: str, *, doing: str) -> int:
    # It reads the whole table, and keeps nobody waiting.
    settings = {"search_path": search_path(table.name), "statement_timeout": "0"}
    with session.transaction(settings=settings):
        return int(session.value(query, doing=doing))


def _refuse_impossible(session: Session, table: Table, composed: Composed) -> None:
    for one in composed.impossible:
        rows = _impossible(session, table, one)
        if rows:
            raise InvalidMigration(
                f"{one.meaning}: {rows:,} rows could never pass.",
                state="Nothing was changed.",
                remedy="Mend the expressions, or the rows, and run the command again.",
            )


def _impossible(session: Session, table: Table, one: Impossible) -> int:
    try:
        return _count(session, table, one.query, doing="counting rows that could never be verified")
    except StatementFailed as error:
        if one.converts and error.sqlstate.startswith(_DATA_EXCEPTION):
            return 0
        raise
