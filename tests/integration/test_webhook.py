"""Any webhook, against a real server; and which places the settings name."""

import pytest

from pgtide.notify.hook import Hook
from pgtide.notify.lines import Lines
from pgtide.notify.mailbox import Outcome, Rejected, Sent, Tell, Trouble
from pgtide.notify.notice import Kind, Notice
from pgtide.notify.places import places
from pgtide.notify.slack_bot import SlackBot
from pgtide.notify.slack_hook import SlackHook
from pgtide.settings import Settings
from tests.slack_server import (
    TOKEN,
    WEBHOOK_PATH,
    Answer,
    Close,
    Http,
    SlackServer,
    slack,
)
from tests.unit.notify.shown import SUBJECT, at

__all__ = ["slack"]

NOTICE = Notice(
    kind=Kind.PHASE_DONE,
    at=at(1),
    what="It is so.",
    state="s",
    todo="t",
    urgent=True,
    phase="expand",
)


def hook(slack: SlackServer) -> Hook:
    return Hook(Settings(webhook=f"{slack.url}{WEBHOOK_PATH}"))


def test_any_webhook_gets_one_object_for_each_notice(slack: SlackServer) -> None:
    assert hook(slack).send(Tell(notices=(NOTICE,)), SUBJECT) == Sent()
    assert slack.documents == [
        {
            "at": "2026-03-08T02:11:00.000+00:00",
            "kind": "phase_done",
            "id": SUBJECT.id,
            "version": "2.1.0",
            "table": "public.users",
            "phase": "expand",
            "state": None,
            "urgent": True,
            "text": "It is so.\nState: s\nTo do: t",
            "environment": "production",
            "target": SUBJECT.target,
            "actor": "ann",
            "run": SUBJECT.link,
            "missed": 0,
        }
    ]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (Http(429, (("Retry-After", "7"),)), Trouble(why="it answered with HTTP 429", pause=7.0)),
        (Http(502), Trouble(why="it answered with HTTP 502")),
        (Close(), Trouble(why="no answer (RemoteDisconnected)")),
        (Http(410), Rejected(why="it answered with HTTP 410", for_good=True)),
        (Http(422), Rejected(why="it answered with HTTP 422", for_good=False)),
    ],
    ids=str,
)
def test_any_webhook_may_refuse(slack: SlackServer, answer: Answer, outcome: Outcome) -> None:
    slack.next.append(answer)
    assert hook(slack).send(Tell(notices=(NOTICE,)), SUBJECT) == outcome


def test_settings_choose_the_places_and_a_token_wins() -> None:
    both = Settings(slack_token=TOKEN, slack_channel="C1", slack_webhook="http://x/y")
    assert [type(one) for one in places(both)] == [SlackBot]
    others = Settings(slack_webhook="http://x/y", webhook="http://x/z", log="json")
    assert [type(one) for one in places(others)] == [SlackHook, Hook, Lines]
    assert list(places(Settings())) == []
