"""slack-sdk itself against a server that answers as Slack does, its errors included."""

import logging
from dataclasses import replace

import pytest

from pgtide.notify.mailbox import Edit, Lost, Outcome, Post, Rejected, Sent, Tell, Trouble
from pgtide.notify.notice import Kind, Notice
from pgtide.notify.slack_bot import SlackBot
from pgtide.notify.slack_hook import SlackHook
from pgtide.settings import Settings
from tests.slack_server import (
    CHANNEL_ID,
    HOOK_PATH,
    Answer,
    Close,
    Hang,
    Http,
    Refuse,
    SlackServer,
    slack,
    slack_server,
)
from tests.unit.notify.shown import SUBJECT, at

__all__ = ["slack"]

POST = Post(text="[at work] <&>")
BUSY = Http(429, (("Retry-After", "7"),), '{"ok": false, "error": "ratelimited"}')
LIMITED = "Slack is rate limiting"


def notice(what: str, kind: Kind = Kind.PHASE_DONE, *, urgent: bool = False) -> Notice:
    return Notice(
        kind=kind, at=at(1), what=what, state="s", todo="t", urgent=urgent, phase="expand"
    )


def tell(*notices: Notice, message: str | None = None) -> Tell:
    return Tell(notices=notices, message=message)


def bot(slack: SlackServer, **more: str) -> SlackBot:
    return SlackBot(replace(slack.settings(Settings()), **more))  # type: ignore[arg-type]  # by their names


def never(word: str) -> Rejected:
    return Rejected(why=f"Slack answered {word}", for_good=True)


def test_a_bot_posts_edits_and_replies(slack: SlackServer) -> None:
    one = bot(slack)
    posted = one.send(POST, SUBJECT)
    assert isinstance(posted, Sent)
    assert posted.message is not None
    [(stamp, versions)] = slack.messages.items()
    assert (stamp, versions) == (posted.message, ["[at work] &lt;&amp;&gt;"])
    assert one.send(Edit(message=stamp, text="[done]"), SUBJECT) == Sent()
    assert versions[-1] == "[done]"
    assert one.send(tell(notice("It is so.", urgent=True), message=stamp), SUBJECT) == Sent()
    assert slack.replies == [
        (stamp, f"<!subteam^S0ONCALL1> It is so.\nState: s\nTo do: t\nRun: {SUBJECT.link}")
    ]
    assert slack.calls[1].body["channel"] == CHANNEL_ID
    assert slack.calls[0].body["unfurl_links"] is False


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (BUSY, Trouble(why=LIMITED, pause=7.0)),
        (Http(429), Trouble(why=LIMITED)),
        (Http(429, (("Retry-After", "3"),), "slow down"), Trouble(why=LIMITED, pause=3.0)),
        (Refuse("ratelimited"), Trouble(why="Slack answered ratelimited")),
        (Refuse("internal_error"), Trouble(why="Slack answered internal_error")),
        (Http(500), Trouble(why="Slack answered with HTTP 500")),
        (Http(503, body="<html>busy</html>"), Trouble(why="Slack answered with HTTP 503")),
        (Http(200, body="<html>a proxy</html>"), Trouble(why="Slack answered nothing to read")),
        (Close(), Trouble(why="no answer from Slack (RemoteDisconnected)")),
        (Refuse("invalid_auth"), never("invalid_auth")),
        (Refuse("channel_not_found"), never("channel_not_found")),
        (Refuse("not_in_channel"), never("not_in_channel")),
        (Refuse("msg_too_long"), replace(never("msg_too_long"), for_good=False)),
        (Refuse("message_not_found"), Lost()),
    ],
    ids=str,
)
def test_each_way_to_refuse_is_an_outcome(
    slack: SlackServer, answer: Answer, outcome: Outcome
) -> None:
    slack.next.append(answer)
    assert bot(slack).send(POST, SUBJECT) == outcome
    # slack-sdk has not tried again by itself, which would have been a wait nobody asked for.
    assert len(slack.calls) == 1


def test_a_wrong_token_or_channel_is_refused_for_good(slack: SlackServer) -> None:
    wrong = bot(slack, slack_token="xoxb-another").send(POST, SUBJECT)
    assert wrong == Rejected(why="Slack answered invalid_auth", for_good=True)
    elsewhere = bot(slack, slack_channel="#nowhere").send(POST, SUBJECT)
    assert elsewhere == Rejected(why="Slack answered channel_not_found", for_good=True)


def test_a_slack_that_is_not_there_is_trouble(slack: SlackServer) -> None:
    del slack
    with slack_server() as gone:
        settings = gone.settings(Settings())
    outcome = SlackBot(settings).send(POST, SUBJECT)
    assert outcome == Trouble(why="no answer from Slack (URLError)")


def test_a_slack_that_hangs_is_trouble_after_its_time(
    slack: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pgtide.notify.slack_bot._SECONDS", 0.2)
    slack.next.append(Hang())
    outcome = bot(slack).send(POST, SUBJECT)
    assert outcome == Trouble(why="no answer from Slack (TimeoutError)")


def test_slacks_own_library_logs_nothing(
    slack: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    slack.next.extend((Close(), Http(500)))
    with caplog.at_level(logging.DEBUG):
        bot(slack).send(POST, SUBJECT)
        bot(slack).send(POST, SUBJECT)
    assert [one for one in caplog.records if "slack" in one.name.lower()] == []


def test_an_incoming_webhook_gets_messages_and_says_that_it_cannot_edit(slack: SlackServer) -> None:
    one = SlackHook(slack.hooked(Settings()))
    assert one.send(tell(notice("It began.", Kind.RUN_BEGAN)), SUBJECT) == Sent()
    assert one.send(tell(notice("It failed.", urgent=True)), SUBJECT) == Sent()
    first, second = (call.text for call in slack.calls)
    head = f"{SUBJECT.id} 2.1.0 | production | {SUBJECT.target} | public.users | {SUBJECT.link}"
    assert first.startswith(f"{head}\nIt began.\n")
    assert "cannot edit" in first
    assert second.startswith(f"{head}\n<@U0ONCALL1> It failed.\n")
    assert "cannot edit" not in second
    assert {call.path for call in slack.calls} == {HOOK_PATH}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (BUSY, Trouble(why="Slack answered with HTTP 429", pause=7.0)),
        (Http(500), Trouble(why="Slack answered with HTTP 500")),
        (Close(), Trouble(why="no answer from Slack (RemoteDisconnected)")),
        (Http(400, body="invalid_payload"), replace(never("with HTTP 400"), for_good=False)),
        (Http(404, body="no_service"), never("with HTTP 404")),
    ],
    ids=str,
)
def test_an_incoming_webhook_may_refuse_too(
    slack: SlackServer, answer: Answer, outcome: Outcome
) -> None:
    slack.next.append(answer)
    assert SlackHook(slack.hooked(Settings())).send(tell(notice("It.")), SUBJECT) == outcome
    assert len(slack.calls) == 1
