"""Gates in the UI: a run with a deployment is suspended, and asks in its form.

The process ends meanwhile. Whoever answers, the ledger has the decision before anything goes on: an
answer in the form is written there as `pgtide approve` writes it, and of a decision made elsewhere
the reaper wakes the run.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Final, cast

from httpx import HTTPError
from prefect import get_run_logger
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException
from prefect.flow_runs import suspend_flow_run
from prefect.input import delete_flow_run_input, keyset_from_base_key
from pydantic import ValidationError

from flows.artifacts import ABOUT_PLANS
from flows.context import Invocation
from flows.gate_answer import GateAnswer
from flows.gate_page import gate_page
from flows.noticeboard import Noticeboard, artifact_key
from flows.run_link import artifact_links
from pgtide.errors import AwaitingApproval, Refused
from pgtide.ledger.record import Record
from pgtide.model.gate import Gate
from pgtide.operate.approve import Wish, decide_gate
from pgtide.operate.question import Question, note_asked, question
from pgtide.postgres.session import connect
from pgtide.report.plan_text import plan_page
from pgtide.settings import Settings

# What a decision's line in the ledger says of where it was typed.
FORM: Final = "the form of a Prefect run"
# What is linked beside a question, as far as it is there.
_BESIDE: Final = ("plan", "verification", "summary")


def through_gates(
    migration_id: str, work: Callable[[Invocation], None], invocation: Invocation
) -> None:
    """Do the work; at a gate suspend the run until a person has decided.

    What was answered is in the ledger before the work begins. Raises AwaitingApproval where the run
    cannot be suspended, or the answer was a no.
    """
    run = _suspensible(invocation)
    answered = run is not None and _written_down(migration_id, run, invocation)
    try:
        work(invocation)
    except AwaitingApproval as waiting:
        if run is not None and not answered:
            _ask(migration_id, run, invocation, waiting)
        raise


def _suspensible(invocation: Invocation) -> FlowRun | None:
    """Return the flow run if it can be suspended: if a process can be started for it again."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if invocation.at_hand or run is None or run.deployment_id is None:
        return None
    return run


def _written_down(migration_id: str, run: FlowRun, invocation: Invocation) -> bool:
    """Write down what a person has answered in the form; tell whether somebody has.

    Raises Refused where that cannot count.
    """
    fired = run.empirical_policy.pause_keys or set()
    settings = invocation.settings
    if not fired:
        return False
    with connect(settings.url, purpose="gate") as session:
        asked = question(session, settings, migration_id)
        if asked is None:
            return False
        answer = _answer([key for key in fired if key.startswith(f"{asked.mark}-")])
        if answer is None:
            return False
        wish = Wish(
            gate=Gate(asked.gate.gate),
            approve=answer.decision == "approve",
            reason=answer.reason,
            by=answer.name.strip(),
        )
        try:
            if wish.approve and settings.four_eyes:
                raise _unknown(asked.record, wish)
            by_form = replace(settings, actor=FORM)
            decide_gate(session, by_form, asked.record, wish, clock=invocation.caller.clock)
        except Refused:
            # It was about something else than what is there now: the next try asks again.
            delete_flow_run_input(answer.metadata.key)
            raise
    return True


def _answer(keys: Iterable[str]) -> GateAnswer | None:
    for key in keys:
        # It may have been woken without an answer, by force: that is no approval.
        with suppress(ValidationError):
            # The signature also promises a coroutine, which only a running event loop gets.
            return cast("GateAnswer", GateAnswer.load(keyset_from_base_key(f"suspended-{key}")))
    return None


def _unknown(record: Record, wish: Wish) -> Refused:
    return Refused(
        f"PGTIDE_FOUR_EYES asks for a second person, and a form cannot tell who fills it in: "
        f"{record.id} was not approved by {wish.by}.",
        state="Nothing was decided.",
        remedy=f"Run `pgtide approve {record.version} {wish.gate} --reason TEXT` from an account "
        "of your own, then start this again.",
    )


def _ask(
    migration_id: str, run: FlowRun, invocation: Invocation, waiting: AwaitingApproval
) -> None:
    """Put the question and suspend the run: Prefect's Pause ends the process."""
    settings, logger = invocation.settings, get_run_logger()
    with connect(settings.url, purpose="gate") as session:
        asked = question(session, settings, migration_id)
        if asked is None:
            raise waiting
        note_asked(session, asked, settings.actor, flow_run=str(run.id))
    if asked.gate.gate is not Gate.DUAL_WRITE_DEPLOYED:
        # At that one it hangs there already: the run goes by it.
        _pin(migration_id, "plan", plan_page(asked.record.plan), ABOUT_PLANS)
    page = gate_page(asked, _links(asked, settings), four_eyes=settings.four_eyes)
    _pin(migration_id, "gate", page, f"To decide: {asked.gate.gate}")
    form = GateAnswer.with_initial_data(description=page)
    fired = run.empirical_policy.pause_keys or set()
    # A key is good for one question: one that was put, and got no answer, is put under another.
    key = next(key for number in count() if (key := f"{asked.mark}-{number}") not in fired)
    try:
        suspend_flow_run(wait_for_input=form, key=key)
    except (PrefectException, RuntimeError, HTTPError) as error:
        logger.warning("The run could not be suspended, and ends at the gate: %s", error)
        raise waiting from error


def _pin(migration_id: str, kind: str, page: str, description: str) -> None:
    board = Noticeboard(migration_id, get_run_logger())
    with board.open():
        board.markdown(kind, page, description)


def _links(asked: Question, settings: Settings) -> dict[str, str]:
    # An earlier attempt's verification may hang there still.
    beside = [kind for kind in _BESIDE if kind != "verification" or asked.verification]
    kinds = {artifact_key(kind, asked.record.id): kind for kind in beside}
    found = artifact_links(settings, kinds)
    return {kind: found[key] for key, kind in kinds.items() if key in found}
