"""Groups of slices as task runs: one after the other, cheap, and true to the engine's errors."""

import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from prefect import flow
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from pgtide.backfill.mishaps import Rewritten
from pgtide.backfill.spread import Group
from pgtide.errors import ConnectionLost, Fenced, Interrupted, Waiting
from tasks import one_task_each
from tests.prefect_server import PrefectApi, prefect_api

__all__ = ["prefect_api"]

GROUPS = tuple(Group(number=number, of=100, slices=(number,)) for number in range(1, 101))


def spread(
    api: PrefectApi, work: Callable[[Group], int], groups: Sequence[Group], *, workers: int = 1
) -> Exception | None:
    """Spread work over task runs in a flow; return what came out of it."""
    caught: list[Exception] = []

    @flow(name="spreading")
    def spreading() -> None:
        try:
            one_task_each(work, groups, workers=workers)
        except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
            caught.append(error)

    with temporary_settings({PREFECT_API_URL: api.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        spreading()
    return caught[0] if caught else None


@pytest.mark.parametrize(
    "error",
    [
        *(kind("what", state="state", remedy="remedy") for kind in (Waiting, Interrupted, Fenced)),
        Rewritten(1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_error_of_a_group_comes_out_unchanged_and_no_later_group_is_worked(
    prefect_api: PrefectApi, error: Exception
) -> None:
    worker, failed = threading.Lock(), list[Exception]()
    begun, worked = list[int](), list[int]()

    def work(group: Group) -> int:
        begun.append(group.number)
        # One worker, lent as a crew lends hers.
        with worker:
            if failed:
                raise failed[0]
            worked.append(group.number)
            if group.number == 3:
                failed.append(error)
                raise error
        return 0

    assert spread(prefect_api, work, GROUPS) is error
    assert worked[-1] == 3
    # Only one waits for the worker, so only one began for nothing.
    assert len(begun) <= len(worked) + 1


def test_only_a_lost_connection_is_tried_again(
    prefect_api: PrefectApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect.task_engine.time.sleep", lambda _seconds: None)
    tries = []

    def work(group: Group) -> int:
        tries.append(group.number)
        if len(tries) < 3:
            raise ConnectionLost("gone", state="state", remedy="remedy")
        return 0

    assert spread(prefect_api, work, GROUPS[:1]) is None
    assert tries == [1, 1, 1]


def test_two_workers_take_ended_groups_for_ended_whatever_the_server_has_heard_by_then(
    prefect_api: PrefectApi,
) -> None:
    """A task run's record lags behind: where it was asked, the backfill failed as PENDING."""
    worked = []

    def work(group: Group) -> int:
        worked.append(group.number)
        return 0

    assert spread(prefect_api, work, GROUPS, workers=2) is None
    assert sorted(worked) == [group.number for group in GROUPS]


def test_a_group_costs_milliseconds(prefect_api: PrefectApi) -> None:
    begun = time.monotonic()
    assert spread(prefect_api, lambda _group: 0, GROUPS) is None
    each = (time.monotonic() - begun) / len(GROUPS)
    logging.getLogger(__name__).info("a task run of a group costs %.1f ms", each * 1000)
    # Measured 10 ms; a hundred would double a backfill of 200 groups of 16 MB.
    assert each < 0.1
