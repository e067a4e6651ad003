"""How a flow ends when it does not run through: what the caller learns, what Prefect shows."""

import threading
from dataclasses import replace
from typing import get_args

import psycopg
import pytest
from prefect.exceptions import ParameterTypeError

from flows.migration_flow import flow_of
from flows.parameters import Until
from flows.run import run_any, run_flow
from pgtide.backfill import walk
from pgtide.errors import (
    AwaitingApproval,
    Interrupted,
    PgtideError,
    Refused,
    Waiting,
    WindowClosed,
)
from pgtide.events import BatchCommitted, Event, PhaseBegan, RunBegan, SlicesCut
from pgtide.ledger.control import hold, release
from pgtide.ledger.run import Caller
from pgtide.model.gate import Gate
from pgtide.model.route import FORWARD
from pgtide.model.state import Phase, State
from pgtide.phases.verify import MismatchedRows
from pgtide.postgres.session import connect
from tests.acceptance.flow_records import Heard, email, out_of_step, runs, state_of
from tests.approving import approve, dual_writing
from tests.nights import Nights
from tests.prefect_server import PrefectApi, prefect_api
from tests.users import MIGRATION_ID, create_users, email_migration

__all__ = ["prefect_api"]

ROWS = 20_000


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have so small a table walked in passes, however short the snapshot that somebody holds."""
    monkeypatch.setattr(walk, "_HORIZONS", 0.0)


def shown(api: PrefectApi, url: str) -> tuple[str, str, str]:
    """Return type, name and message of the newest flow run's state, as Prefect has them."""
    state = api.flow_run(runs(url)[-1]["flow_run_id"])["state"]
    return (state["type"], state["name"], state["message"] or "")


def test_every_phase_of_the_way_forward_can_be_the_last_one() -> None:
    assert get_args(Until) == tuple(phase.value for phase in FORWARD)


def test_a_flow_that_never_comes_to_its_work_is_no_success(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=10)
    with pytest.raises(ParameterTypeError, match="until"):
        run_any(
            email().flow,
            prefect_api.settings(database),
            Caller(actor="ann"),
            {"parameters": {"until": "then"}},
        )


def test_a_window_that_closes_ends_the_flow_as_completed(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=ROWS)
    nights = Nights()
    nights.next_opening()
    flow = flow_of(replace(email_migration(), window=nights.window), MIGRATION_ID)

    def close_it(event: Event) -> None:
        if isinstance(event, BatchCommitted):
            nights.last_seconds(-1)

    caller = Caller(actor="ann", emit=close_it, clock=nights.clock)
    with pytest.raises(WindowClosed):
        run_flow(flow, prefect_api.settings(database), caller)
    kind, name, message = shown(prefect_api, database)
    assert (kind, name) == ("COMPLETED", "WindowClosed")
    assert "it opens at" in message


def test_a_mistake_that_nobody_foresaw_comes_out_and_is_no_success(
    database: str, prefect_api: PrefectApi
) -> None:
    """It stayed with Prefect: `pgtide up` said that the migration had failed, and exited with 0."""
    create_users(database, rows=10)

    def stumble(event: Event) -> None:
        if isinstance(event, SlicesCut):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_flow(email().flow, prefect_api.settings(database), Caller(actor="ann", emit=stumble))
    assert shown(prefect_api, database)[0] == "FAILED"
    assert state_of(database) is State.FAILED
    run_flow(email().flow, prefect_api.settings(database), Caller(actor="ann"))
    assert state_of(database) is State.VERIFIED


@pytest.mark.usefixtures("passes")
def test_a_hold_ends_the_flow_as_paused_and_the_next_goes_on(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database, rows=ROWS)

    def hold_it(event: Event) -> None:
        if isinstance(event, BatchCommitted) and event.step == 1:
            with connect(database, purpose="operator") as session:
                hold(session, MIGRATION_ID, by="ann", reason="rush hour")
            beaten.wait(1.5)

    beaten = threading.Event()
    settings = prefect_api.settings(database)
    with pytest.raises(Waiting, match="rush hour") as waiting:
        run_flow(email().flow, settings, Caller(actor="ann", emit=hold_it))
    assert waiting.value.exit_code == 3
    assert state_of(database) is State.PAUSED
    kind, name, message = shown(prefect_api, database)
    assert (kind, name) == ("COMPLETED", "Paused")
    assert "pgtide resume" in message

    with connect(database, purpose="operator") as session:
        release(session, MIGRATION_ID, by="ann")
    run_flow(email().flow, settings, Caller(actor="ann"))
    assert state_of(database) is State.VERIFIED


def test_a_gate_ends_the_flow_as_waiting_and_the_next_goes_on(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database)
    flow, settings = flow_of(dual_writing(), MIGRATION_ID), prefect_api.settings(database)
    for _ in range(2):
        with pytest.raises(AwaitingApproval, match="dual_write_deployed") as waiting:
            run_flow(flow, settings, Caller(actor="ann"))
        assert waiting.value.exit_code == 3
        assert state_of(database) is State.EXPANDED
        assert runs(database)[-1]["outcome"] == "waiting"
        kind, name, message = shown(prefect_api, database)
        assert (kind, name) == ("COMPLETED", "Waiting")
        assert "pgtide approve 2.1.0 dual_write_deployed" in message
    pages = prefect_api.artifacts(runs(database)[-1]["flow_run_id"])
    found = [one["data"] for one in pages if one["key"].startswith("summary-")]
    assert "Waiting: the gate dual_write_deployed" in found[-1]

    approve(database, Gate.DUAL_WRITE_DEPLOYED)
    run_flow(flow, settings, Caller(actor="ann"))
    assert state_of(database) is State.VERIFIED


def test_a_stop_ends_the_flow_after_its_batch(database: str, prefect_api: PrefectApi) -> None:
    create_users(database, rows=ROWS)
    stop, heard = threading.Event(), Heard()

    def listen(event: Event) -> None:
        heard(event)
        if isinstance(event, BatchCommitted):
            stop.set()

    with pytest.raises(Interrupted):
        run_flow(
            email().flow,
            prefect_api.settings(database),
            Caller(actor="ann", emit=listen, stop=stop),
        )
    # Each worker ends the batch that it has at hand, of a slice of its own, and begins no other.
    slices = [slice_id for slice_id, *_ in heard.batches]
    assert 1 <= len(slices) == len(set(slices))
    assert state_of(database) is State.BACKFILLING
    assert runs(database)[-1]["outcome"] == "interrupted"
    assert shown(prefect_api, database)[:2] == ("CANCELLED", "Interrupted")


def test_mismatches_are_pinned_up_before_the_flow_fails(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database)
    settings = prefect_api.settings(database)
    run_flow(email().flow, settings, Caller(actor="ann"), until=Phase.FINALIZE)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("ALTER TABLE public.users DISABLE TRIGGER USER")
        connection.execute("UPDATE public.users SET verified_at = NULL WHERE id = 18")
        connection.execute("ALTER TABLE public.users ENABLE TRIGGER USER")
    with pytest.raises(MismatchedRows) as mismatched:
        run_flow(email().flow, settings, Caller(actor="ann"))
    assert mismatched.value.found is not None
    assert mismatched.value.found.mismatches == 1
    kind, _, message = shown(prefect_api, database)
    assert kind == "FAILED"
    assert "1 of 5,000 rows are out of step" in message
    found = {
        one["key"].removesuffix("-20251231-120000-email-verification-v2"): one["data"]
        for one in prefect_api.artifacts(runs(database)[-1]["flow_run_id"])
    }
    assert '"key": "{\\"id\\": 18}"' in found["mismatches"]
    assert '"result", "found": "failed"' in found["verification"]

    run_flow(email().flow, settings, Caller(actor="ann"))
    assert state_of(database) is State.VERIFIED
    assert out_of_step(database) == 0


@pytest.mark.usefixtures("passes")
def test_a_table_rewritten_in_mid_backfill_is_walked_anew(
    database: str, prefect_api: PrefectApi
) -> None:
    """What the engine raises inside a group's task reaches the engine above it unchanged."""
    create_users(database, rows=ROWS)
    heard = Heard()

    def rewrite_once(event: Event) -> None:
        heard(event)
        if isinstance(event, BatchCommitted) and event.step == 1 and not rewritten.is_set():
            rewritten.set()
            with psycopg.connect(database, autocommit=True) as connection:
                connection.execute("VACUUM FULL public.users")

    rewritten = threading.Event()
    caller = Caller(actor="ann", emit=rewrite_once)
    run_flow(email().flow, prefect_api.settings(database), caller, until=Phase.BACKFILL)
    assert rewritten.is_set()
    assert len([event for event in heard.events if isinstance(event, SlicesCut)]) == 2
    assert state_of(database) is State.BACKFILLED
    assert out_of_step(database) == 0


def test_a_refusal_reaches_the_caller_and_nothing_was_changed(
    database: str, prefect_api: PrefectApi
) -> None:
    with pytest.raises(Refused, match=r"There is no table public\.users"):
        run_flow(email().flow, prefect_api.settings(database), Caller(actor="ann"))


def test_a_flow_called_in_another_thread_still_knows_its_caller(
    database: str, prefect_api: PrefectApi
) -> None:
    create_users(database)
    heard = Heard()
    ended: list[PgtideError | None] = []

    def call() -> None:
        run_flow(email().flow, prefect_api.settings(database), Caller(actor="bob", emit=heard))
        ended.append(None)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    assert ended == [None]
    assert any(isinstance(event, RunBegan) for event in heard.events)
    assert any(isinstance(event, PhaseBegan) for event in heard.events)
    assert runs(database)[-1]["actor"] == "bob"
