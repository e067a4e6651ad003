"""A courier carries in order, waits as it is told to, and is not waited for."""

import time
from dataclasses import replace

from pgtide.clock import SYSTEM_CLOCK
from pgtide.notify.courier import Courier, Place
from pgtide.notify.mailbox import Act, Outcome
from pgtide.notify.notice import Kind, Notice
from pgtide.notify.slack_bot import SlackBot
from pgtide.settings import Settings
from tests.slack_server import Hang, Http, SlackServer, slack, until
from tests.unit.notify.shown import SUBJECT, at

__all__ = ["slack"]


def notice(what: str) -> Notice:
    return Notice(kind=Kind.PHASE_DONE, at=at(1), what=what, state="s", todo="t")


def bot(server: SlackServer, channel: str | None = None) -> SlackBot:
    settings = server.settings(Settings())
    return SlackBot(replace(settings, slack_channel=channel or settings.slack_channel))


class Courierly:
    """A courier at work, and what it warned of."""

    def __init__(self, place: Place) -> None:
        self.said: list[str] = []
        self.courier = Courier(place, every=0.05, clock=SYSTEM_CLOCK, warn=self.said.append)
        self.courier.start()

    def give(self, text: str, *notices: Notice) -> None:
        self.courier.give(notices, text, SUBJECT)

    def end(self, seconds: float) -> tuple[int, float]:
        """Return how many did not arrive, and how long the end took."""
        begun = time.monotonic()
        self.courier.close(begun + seconds)
        return self.courier.join().count, time.monotonic() - begun


def test_a_courier_carries_in_order_and_ends_at_once_when_it_is_done(slack: SlackServer) -> None:
    one = Courierly(bot(slack))
    one.give("first")
    one.give("first", notice("a"), notice("b"))
    until(lambda: len(slack.replies) == 2)
    one.give("second")
    until(lambda: [*slack.messages.values()] == [["first", "second"]])
    one.give("third", notice("c"))
    missed, seconds = one.end(5.0)
    assert (missed, one.said) == (0, [])
    assert seconds < 2.0
    [versions] = slack.messages.values()
    assert versions[-1] == "third"
    assert [text[0] for _, text in slack.replies] == ["a", "b", "c"]


def test_a_courier_waits_as_long_as_slack_asks_it_to(slack: SlackServer) -> None:
    slack.next.append(Http(429, (("Retry-After", "1"),)))
    one = Courierly(bot(slack))
    one.give("first", notice("a"))
    until(lambda: bool(slack.replies))
    first, second, *_ = slack.calls
    assert second.at - first.at >= 1.0
    assert one.said == ["Slack takes no message now, and is asked again: Slack is rate limiting."]
    assert one.end(5.0)[0] == 0


def test_a_courier_gives_up_at_the_end_where_slack_asks_for_more_time(slack: SlackServer) -> None:
    slack.always = Http(429, (("Retry-After", "60"),))
    one = Courierly(bot(slack))
    one.give("first", notice("a"), notice("b"))
    until(lambda: bool(slack.calls))
    missed, seconds = one.end(5.0)
    assert missed == 2
    assert seconds < 2.0


def test_a_courier_is_not_waited_for_where_slack_hangs(slack: SlackServer) -> None:
    slack.always = Hang()
    one = Courierly(bot(slack))
    one.give("first", notice("a"))
    until(lambda: bool(slack.calls))
    missed, seconds = one.end(0.5)
    assert missed == 1
    assert 0.4 < seconds < 2.0


def test_a_courier_says_once_why_nothing_more_goes_there(slack: SlackServer) -> None:
    one = Courierly(bot(slack, "#nowhere"))
    one.give("first", notice("a"))
    until(lambda: bool(one.said))
    one.give("second", notice("b"))
    missed, seconds = one.end(5.0)
    assert missed == 2
    assert seconds < 2.0
    assert one.said == [
        "Slack takes no message of this run any more: Slack answered channel_not_found."
    ]
    assert len(slack.calls) == 1


class Stumbling:
    """A place with a mistake in it."""

    name = "Slack"
    threaded = False
    summed = False

    def send(self, act: Act, subject: object) -> Outcome:
        raise ZeroDivisionError(act, subject)


def test_a_courier_bears_a_mistake_of_ours() -> None:
    one = Courierly(Stumbling())
    one.give("first", notice("a"))
    until(lambda: bool(one.said))
    assert one.end(0.1)[0] == 1
