"""The kill matrix: a process is killed at every point there is; the next one ends what it began.

Of two points between which nothing changes, at one, by chance.

The points come from the plan and from one undisturbed run, so a new step or a new statement is
killed without a line being added here, and one that is never killed fails the test.
"""

import random
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain

import pytest

from pgtide.changes.archive_trigger import capture
from pgtide.model.state import Phase
from pgtide.model.statement import Step
from pgtide.postgres.embedded import Server
from tests.scenarios.child import Ended, carried_out, started
from tests.scenarios.kill_points import Point, events, points, same_as
from tests.scenarios.killed import Order
from tests.scenarios.lab import SLICE_BLOCKS, Course, Lab, laboratory
from tests.scenarios.ledger_truth import (
    begun,
    disagreements,
    places,
    repeated,
    unsound_backups,
)
from tests.server import fresh_database
from tests.table_state import schema_dump, table_state

pytestmark = pytest.mark.long

PARTS = ("schema", "data", "reading", "restoring", "comparing")
_WORKERS = 2


@pytest.fixture(scope="module")
def lab(server: Server) -> Iterator[Lab]:
    with laboratory(server) as made:
        yield made


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    print(f"{request.node.name}: seed {seed}")
    return random.Random(seed)


def survived(lab: Lab, course: Course, point: Point) -> list[str]:
    """Kill a process at a point, let others end its work; return everything that is wrong."""
    with fresh_database(lab.server, course.template) as url:
        order = Order(
            url=url,
            action=course.action,
            witness=lab.witness,
            backups=lab.backups,
            slice_blocks=SLICE_BLOCKS,
        )
        found = _killed(order, point)
        if found and point.label.startswith("Batch") and point.nth > 1:
            # The busier the machine, the more batches: the last of them may not be there this time.
            return survived(lab, course, replace(point, nth=point.nth - 1))
        found += disagreements(url)
        if point.again is not None:
            known = places(url)
            order = replace(order, run=uuid.uuid4().hex)
            label, nth = point.again
            carried_out(replace(order, at=label, nth=nth))
            found += repeated(known, begun(lab.witness, order.run)) + disagreements(url)
        known = places(url)
        order = replace(order, run=uuid.uuid4().hex)
        ended = carried_out(order)
        found += repeated(known, begun(lab.witness, order.run)) + disagreements(url)
        found += [*_complaints(course, ended), *course.end.differences(table_state(url))]
        found += unsound_backups(url)
        if schema_dump(url) != course.shape:
            found.append("the table's schema dump is not that of the undisturbed run")
        return [f"{point}: {problem}" for problem in found]


def _killed(order: Order, point: Point) -> list[str]:
    if point.seconds is None:
        ended = carried_out(replace(order, at=point.label, nth=point.nth))
        return [] if ended.code == -9 else [f"it was not killed: {ended}"]
    with started(order) as child:
        child.wait_for(point.label, point.nth)
        time.sleep(point.seconds)
    return []


# What the next process says where the one before had come to its end, and was killed after it.
_ENDED = {
    "up": "",
    "back_up": "",
    "down": "there is nothing to undo",
    "back": "there is no contract to undo",
    "contract": "contract begins where",
    "purge": "purge begins where",
}


def _complaints(course: Course, ended: Ended) -> list[str]:
    """Return what is wrong with the end of the last process."""
    said = _ENDED[course.action]
    over = bool(said) and said in ended.message
    return [] if ended.code == 0 or over else [f"the next process failed: {ended}"]


def matrix(lab: Lab, course: Course, chance: random.Random) -> None:
    with ThreadPoolExecutor(_WORKERS) as workers:
        problems = list(workers.map(partial(survived, lab, course), points(course, chance)))
    assert list(chain.from_iterable(problems)) == []


def expected(step: Step) -> set[str]:
    """Return the labels of the points of one step of a plan, on the way forward."""
    statements = {
        f"{event}:{step.name}:{number}"
        for event in ("StatementBegan", "StatementEnded")
        for number in range(len(step.statements))
    }
    return {f"StepBegan:{step.name}", f"StepEnded:{step.name}", *statements}


def expected_back(step: Step) -> set[str]:
    """Return the labels of the points at which one step of a plan is taken back."""
    statements = {
        f"{event}:undo.{step.name}:{number}"
        for event in ("StatementBegan", "StatementEnded")
        for number in range(len(step.undo))
    }
    own = not step.transactional or step.phase == Phase.CONTRACT
    name = f"undo.{step.name}" if own else "undo.shape"
    return {f"StepBegan:{name}", f"StepEnded:{name}", *statements}


def _steps(labels: set[str]) -> set[str]:
    return {label for label in labels if label.startswith(("Step", "Statement"))}


def test_every_step_of_the_plan_and_of_the_way_back_is_a_point_of_the_matrix(
    lab: Lab, chance: random.Random
) -> None:
    assert lab.plan.archive is not None
    own = capture(lab.plan, lab.plan.archive, attempt=1)
    forward = set().union(*(expected(step) for step in lab.plan.steps))
    back = expected(own).union(*(expected_back(step) for step in (*lab.plan.steps, own)))
    swapped_back = expected_back(lab.contracting)
    wanted_of = (
        (lab.up, forward),
        (lab.down, back),
        (lab.contract, expected(lab.contracting)),
        (lab.purge, set().union(*(expected(step) for step in lab.purging))),
        (lab.back, swapped_back),
        (lab.down_after, back | swapped_back),
    )
    for course, wanted in wanted_of:
        assert _steps({point.label for point in events(course)}) == wanted
        covered = {point.label for point in points(course, chance)}
        # Of two between which nothing changes, the other.
        spared = {same_as(label) or label for label in covered}
        assert {one for one in wanted - covered - spared if same_as(one) not in covered} == set()
    assert lab.down.shape == lab.down_after.shape == lab.shape
    # So small a table has slices and passes of its own all the same.
    assert lab.up.labels.count("BatchCommitted") >= 20
    assert lab.back.shape == lab.up.shape
    phases = {f"Phase{what}:{p}" for what in ("Began", "Ended") for p in _PHASES}
    assert phases <= {point.label for point in points(lab.up, chance)}


_PHASES = ("expand", "backfill", "finalize", "verify")


@pytest.mark.timeout(900)
def test_a_migration_killed_anywhere_on_its_way_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    matrix(lab, lab.up, chance)


@pytest.mark.timeout(900)
def test_a_migration_killed_anywhere_on_its_way_back_is_taken_back_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    assert lab.down.end.old_rows == lab.old_rows
    matrix(lab, lab.down, chance)


@pytest.mark.timeout(900)
def test_a_contract_killed_anywhere_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    matrix(lab, lab.contract, chance)


@pytest.mark.timeout(900)
def test_a_first_backup_killed_anywhere_is_taken_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    labels = {point.label for point in points(lab.back_up, chance)}
    assert {f"BackupPart{what}:{part}" for what in ("Began", "Ended") for part in PARTS} <= labels
    matrix(lab, lab.back_up, chance)


@pytest.mark.timeout(900)
def test_a_contract_killed_in_its_own_backup_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    course = lab.contract_unprepared
    killed = [point for point in points(course, chance) if point.label.startswith("Backup")]
    assert {f"BackupPartBegan:{part}" for part in PARTS} <= {point.label for point in killed}
    with ThreadPoolExecutor(_WORKERS) as workers:
        problems = list(workers.map(partial(survived, lab, course), killed))
    assert list(chain.from_iterable(problems)) == []


@pytest.mark.timeout(900)
def test_a_purge_killed_anywhere_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    matrix(lab, lab.purge, chance)


@pytest.mark.timeout(900)
def test_an_undo_of_contract_killed_anywhere_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    matrix(lab, lab.back, chance)


@pytest.mark.timeout(900)
def test_an_undo_after_contract_killed_anywhere_is_ended_by_the_next_process(
    lab: Lab, chance: random.Random
) -> None:
    assert lab.down_after.end.old_rows == lab.old_rows
    matrix(lab, lab.down_after, chance)
