"""What is sent next, when, and what becomes of what did not arrive."""

from dataclasses import replace

from pgtide.notify.mailbox import (
    Edit,
    Lost,
    Mailbox,
    Outcome,
    Post,
    Rejected,
    Sent,
    Tell,
    Trouble,
    after,
    next_act,
    pause,
    put,
)
from pgtide.notify.notice import Kind, Notice
from tests.unit.notify.shown import at

BOX = Mailbox(threaded=True, summed=True, every=5.0)
PLAIN = Mailbox(threaded=False, summed=False, every=5.0)
TROUBLE = Trouble(why="no answer")


def notice(number: float, *, urgent: bool = False, kind: Kind = Kind.PHASE_DONE) -> Notice:
    return Notice(kind=kind, at=at(number), what=f"{number}", state="s", todo="t", urgent=urgent)


def sent(box: Mailbox, text: str | None, *outcomes: Outcome, now: float = 0.0) -> Mailbox:
    """Return the mailbox after so many tries."""
    for outcome in outcomes:
        act = next_act(box, text, now)
        assert act is not None
        box = after(box, act, outcome, now=now, at=at(now / 60))
    return box


POSTED = sent(BOX, "begun", Sent(message="1.1"))


def test_nothing_is_sent_before_there_is_a_text() -> None:
    assert next_act(BOX, None, 0.0) is None


def test_the_message_comes_first_then_replies_then_edits() -> None:
    box = put(put(BOX, notice(1)), notice(2))
    assert next_act(box, "begun", 0.0) == Post(text="begun")
    box = sent(box, "begun", Sent(message="1.1"))
    first = next_act(box, "further", 99.0)
    assert first == Tell(notices=(notice(1),), message="1.1")
    box = sent(box, "further", Sent(message="2.2"), Sent(message="3.3"), now=99.0)
    assert next_act(box, "further", 99.0) == Edit(message="1.1", text="further")


def test_an_edit_comes_after_some_seconds_and_only_for_news() -> None:
    assert next_act(POSTED, "begun", 99.0) is None
    assert next_act(POSTED, "further", 4.9) is None
    assert pause(POSTED, 3.0) == 2.0
    assert next_act(POSTED, "further", 5.0) == Edit(message="1.1", text="further")
    assert next_act(POSTED, "over", 0.1, last=True) == Edit(message="1.1", text="over")
    assert next_act(POSTED, "begun", 0.1, last=True) is None


def test_trouble_waits_longer_each_time_and_as_long_as_it_is_told_to() -> None:
    box, waits = BOX, []
    now = 0.0
    for _ in range(8):
        box = sent(box, "begun", TROUBLE, now=now)
        assert next_act(box, "begun", box.not_before - 0.01) is None
        waits.append(pause(box, now))
        now = box.not_before
    assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    for _ in range(2_000):
        box = sent(box, "begun", TROUBLE, now=box.not_before)
    told = sent(BOX, "begun", Trouble(why="429", pause=17.0), now=3.0)
    assert told.not_before == 20.0
    assert sent(told, "begun", Sent(message="1.1"), now=20.0).tries == 0


def test_what_waits_is_tried_again_as_soon_as_it_may_be_and_not_when_an_edit_is_due() -> None:
    box = put(sent(BOX, "begun", Sent(message="1.1"), now=100.0), notice(1))
    box = sent(box, "begun", Trouble(why="429", pause=1.0), now=100.0)
    assert pause(box, 100.0) == 1.0


def test_what_was_missed_comes_as_one_message_in_order() -> None:
    box = sent(put(POSTED, notice(1)), "begun", TROUBLE, now=60.0)
    box = put(put(box, notice(2)), notice(3))
    act = next_act(box, "begun", 61.0)
    assert act == Tell(notices=(notice(1), notice(2), notice(3)), message="1.1", silent_since=at(1))
    box = sent(box, "begun", Sent(), now=61.0)
    assert (box.waiting, box.silent_since) == ((), None)
    assert next_act(put(box, notice(4)), "begun", 61.0) == Tell(notices=(notice(4),), message="1.1")


def test_a_webhook_gets_each_by_itself_all_the_same() -> None:
    box = sent(put(PLAIN, notice(1)), "x", TROUBLE)
    box = put(box, notice(2))
    first = next_act(box, "x", 1.0)
    assert isinstance(first, Tell)
    assert first.notices == (notice(1),)
    box = sent(box, "x", Sent(), Sent(), now=1.0)
    assert (box.waiting, box.silent_since) == ((), None)
    assert next_act(box, "other", 99.0) is None


def test_the_oldest_makes_room_but_not_what_calls_somebody() -> None:
    box = put(POSTED, notice(0, urgent=True))
    for number in range(1, 60):
        box = put(box, notice(number))
    assert len(box.waiting) == 50
    assert box.waiting[0] == notice(0, urgent=True)
    assert box.waiting[1] == notice(11)
    assert box.missed == 10
    act = next_act(box, "begun", 0.0)
    assert isinstance(act, Tell)
    assert act.missed == 10
    assert after(box, act, Sent(), now=0.0, at=at(0)).missed == 0


def test_a_message_of_its_own_says_that_the_run_began() -> None:
    began = notice(1, kind=Kind.RUN_BEGAN)
    assert put(POSTED, began) == POSTED
    assert put(PLAIN, began).waiting == (began,)


def test_what_is_refused_for_good_is_not_tried_again() -> None:
    refused = Rejected(why="invalid_auth", for_good=True)
    box = put(sent(BOX, "begun", refused), notice(1))
    assert box.closed == "invalid_auth"
    assert next_act(box, "further", 999.0, last=True) is None


def test_one_message_that_is_refused_does_not_block_the_next() -> None:
    refused = Rejected(why="msg_too_long", for_good=False)
    box = sent(put(put(POSTED, notice(1)), notice(2)), "begun", refused)
    assert next_act(box, "begun", 0.0) == Tell(notices=(notice(2),), message="1.1", missed=1)
    # An edit that is refused waits for another text; a first message that is: nothing follows it.
    edited = sent(POSTED, "further", refused, now=9.0)
    assert next_act(edited, "further", 99.0) is None
    assert next_act(edited, "more", 99.0) == Edit(message="1.1", text="more")
    assert sent(BOX, "begun", refused).closed == "msg_too_long"


def test_a_message_that_vanished_is_sent_anew_but_not_for_ever() -> None:
    box = sent(put(POSTED, notice(1)), "begun", Lost())
    assert next_act(box, "begun", 0.0) == Post(text="begun")
    box = sent(box, "begun", Sent(message="2.2"))
    assert next_act(box, "begun", 0.0) == Tell(notices=(notice(1),), message="2.2")
    box = sent(box, "begun", Lost(), Sent(message="3.3"), Lost())
    assert box.closed
    assert next_act(box, "begun", 999.0) is None


def test_what_came_while_another_was_carried_stays() -> None:
    box = put(POSTED, notice(1))
    act = next_act(box, "begun", 0.0)
    assert act is not None
    meanwhile = put(box, notice(2))
    assert after(meanwhile, act, Sent(), now=0.0, at=at(0)).waiting == (notice(2),)
    full = meanwhile
    for number in range(3, 70):
        full = put(full, notice(number))
    left = after(full, act, Sent(), now=0.0, at=at(0))
    assert left.waiting[0] == notice(20)
    assert replace(left, waiting=()).missed == full.missed
