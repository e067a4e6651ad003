"""A window is open by the wall clock of its place, also on the days on which that clock jumps."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from pgtide import Window

MEXICO = Window("22:00-06:00", zone="America/Mexico_City", days="mon-fri")
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(window: Window, at: str, count: int = 1) -> list[tuple[str, str]]:
    """Return the openings from a moment on, in UTC."""
    coming = (one for one in window.openings(utc(at)) if one.closes > utc(at))
    return [
        (f"{one.opens:%m-%d %H:%M}", f"{one.closes:%m-%d %H:%M}") for one in islice(coming, count)
    ]


@pytest.mark.parametrize(
    ("hours", "zone", "at", "span"),
    [
        # New York, 8 March 2026: 02:00 is 03:00, 07:00 UTC.
        ("22:00-06:00", "America/New_York", "2026-03-08 00:00", ("03-08 03:00", "03-08 10:00")),
        ("02:30-05:00", "America/New_York", "2026-03-08 05:00", ("03-08 07:00", "03-08 09:00")),
        ("00:00-02:30", "America/New_York", "2026-03-08 05:00", ("03-08 05:00", "03-08 07:00")),
        ("02:10-02:50", "America/New_York", "2026-03-08 05:00", ("03-09 06:10", "03-09 06:50")),
        # New York, 1 November 2026: 02:00 is 01:00 again, 06:00 UTC.
        ("22:00-06:00", "America/New_York", "2026-11-01 00:00", ("11-01 02:00", "11-01 11:00")),
        ("01:30-05:00", "America/New_York", "2026-11-01 04:30", ("11-01 06:30", "11-01 10:00")),
        ("22:00-01:30", "America/New_York", "2026-11-01 00:00", ("11-01 02:00", "11-01 05:30")),
        ("01:10-01:50", "America/New_York", "2026-11-01 04:30", ("11-01 06:10", "11-01 06:50")),
        # Santiago, 6 September 2026: midnight is 01:00, 04:00 UTC.
        ("00:00-05:00", "America/Santiago", "2026-09-06 03:30", ("09-06 04:00", "09-06 08:00")),
        ("22:00-24:00", "America/Santiago", "2026-09-06 00:00", ("09-06 02:00", "09-06 04:00")),
        ("22:00-06:00", "America/Santiago", "2026-09-06 00:00", ("09-06 02:00", "09-06 09:00")),
        # Santiago, 4 April 2026: midnight is 23:00 again, 03:00 UTC.
        ("22:00-06:00", "America/Santiago", "2026-04-05 00:00", ("04-05 01:00", "04-05 10:00")),
        ("23:30-05:00", "America/Santiago", "2026-04-05 00:00", ("04-05 03:30", "04-05 09:00")),
        ("20:00-23:30", "America/Santiago", "2026-04-05 00:00", ("04-04 23:00", "04-05 02:30")),
    ],
)
def test_the_clock_jumps_in_the_north_and_in_the_south(
    hours: str, zone: str, at: str, span: tuple[str, str]
) -> None:
    assert spans(Window(hours, zone=zone), at) == [span]


@pytest.mark.parametrize(
    ("at", "hours", "done"),
    [
        # Mexico opens at 04:00 UTC and closes at 12:00; 27 November 2026 is a Friday.
        ("2026-11-24 04:00", 2, "11-24 06:00"),
        ("2026-11-24 04:00", 8, "11-24 12:00"),
        ("2026-11-24 11:00", 2, "11-25 05:00"),
        ("2026-11-24 13:00", 2, "11-25 06:00"),
        ("2026-11-28 11:00", 2, "12-01 05:00"),
        ("2026-11-24 04:00", 47, "12-01 11:00"),
    ],
)
def test_work_goes_on_in_the_hours_of_the_next_opening(at: str, hours: int, done: str) -> None:
    found = MEXICO.worked(utc(at), timedelta(hours=hours))
    assert f"{found.astimezone(UTC):%m-%d %H:%M}" == done


def test_an_hour_of_work_lasts_an_hour_on_a_day_of_change() -> None:
    """Santiago, 6 September 2026: midnight is 01:00, 04:00 UTC."""
    night = Window("22:00-06:00", zone="America/Santiago")
    assert night.worked(utc("2026-09-06 03:30"), timedelta(hours=2)) == utc("2026-09-06 05:30")


def test_days_name_the_day_on_which_it_opens() -> None:
    """27 November 2026 is a Friday, and Mexico six hours behind UTC."""
    assert spans(MEXICO, "2026-11-27 12:00", 2) == [
        ("11-28 04:00", "11-28 12:00"),
        ("12-01 04:00", "12-01 12:00"),
    ]
    assert MEXICO.is_open(utc("2026-11-28 11:59"))
    assert not MEXICO.is_open(utc("2026-11-28 12:00"))
    assert not MEXICO.is_open(utc("2026-11-29 05:00"))
    assert MEXICO.closes(utc("2026-11-28 05:00")) == utc("2026-11-28 12:00")
    assert MEXICO.closes(utc("2026-11-28 12:00")) is None
    assert MEXICO.next_opening(utc("2026-11-28 05:00")) == utc("2026-12-01 04:00")


@pytest.mark.parametrize(
    ("days", "opens"),
    [
        ("mon-sun", "1111111"),
        ("sat,sun", "0000011"),
        ("sat-mon", "1000011"),
        ("Tue, thu-fri", "0101100"),
        ("wed", "0010000"),
    ],
)
def test_days_are_ranges_and_lists(days: str, opens: str) -> None:
    noons = Window("12:00-12:30", zone="UTC", days=days)
    # 23 November 2026 is a Monday.
    week = [utc("2026-11-23 12:10") + timedelta(days=n) for n in range(7)]
    assert "".join("01"[noons.is_open(at)] for at in week) == opens


def test_whole_days_one_after_the_other_are_one_opening() -> None:
    weekend = Window("00:00-24:00", zone="Europe/Berlin", days="sat,sun")
    assert spans(weekend, "2026-11-28 12:00", 2) == [
        ("11-27 23:00", "11-29 23:00"),
        ("12-04 23:00", "12-06 23:00"),
    ]


@pytest.mark.parametrize(
    ("window", "complaint"),
    [
        (Window("22-06", zone="UTC"), "hours '22-06' are none"),
        (Window("22:00-06:60", zone="UTC"), "are none"),
        (Window("24:00-06:00", zone="UTC"), "are none"),
        (Window("06:00-06:00", zone="UTC"), "begins where it ends"),
        (Window("22:00-06:00", zone="Mexico"), "no IANA time zone"),
        (Window("22:00-06:00", zone="America"), "no IANA time zone"),
        (Window("22:00-06:00", zone=""), "no IANA time zone"),
        (Window("22:00-06:00", zone="../UTC"), "no IANA time zone"),
        (Window("22:00-06:00", zone="UTC", days="weekdays"), "days 'weekdays' are none"),
        (Window("22:00-06:00", zone="UTC", days="mon-"), "days 'mon-' are none"),
        (Window("22:00-06:00", zone="UTC", days=""), "days '' are none"),
        (Window("00:00-24:00", zone="UTC"), "never closes"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(window: Window, complaint: str) -> None:
    found = list(window.problems())
    assert len(found) == 1
    assert found[0].startswith("window: ")
    assert complaint in found[0]


def test_a_window_survives_the_ledgers_json() -> None:
    known = TypeAdapter(Window)
    assert list(MEXICO.problems()) == []
    assert known.validate_json(known.dump_json(MEXICO)) == MEXICO


zones = st.sampled_from(
    [
        "America/Mexico_City",
        "America/New_York",
        "America/Santiago",
        "Europe/Berlin",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Pacific/Apia",
        "UTC",
    ]
)
clock = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda at: f"{at[0]:02}:{at[1]:02}")
names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
days = st.lists(st.sampled_from(names), min_size=1, max_size=7, unique=True).map(",".join)
moments = st.datetimes(
    min_value=datetime(2011, 12, 20),  # noqa: DTZ001  # the strategy adds UTC; Apia skips a day
    max_value=datetime(2037, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    begin, end = draw(clock), draw(clock)
    return Window(f"{begin}-{end if end != begin else '24:00'}", zone=draw(zones), days=draw(days))


@given(windows(), moments)
def test_it_closes_after_it_opens_and_the_next_opening_is_to_come(
    window: Window, at: datetime
) -> None:
    if list(window.problems()):
        return
    closes, coming = window.closes(at), window.next_opening(at)
    assert coming > at
    assert window.is_open(coming)
    assert not window.is_open(coming - timedelta(microseconds=1))
    if closes is None:
        assert not window.is_open(at)
        # A week, a holiday of the clock, and nothing in between.
        assert coming - at < timedelta(days=15)
    else:
        assert at < closes < coming
        assert window.is_open(closes - timedelta(microseconds=1))
        assert not window.is_open(closes)


@given(windows(), moments, st.floats(0, 1))
def test_nothing_is_open_before_the_next_opening(
    window: Window, at: datetime, share: float
) -> None:
    if list(window.problems()) or window.is_open(at):
        return
    coming = window.next_opening(at)
    between = at + (coming - at) * share
    assert between == coming or not window.is_open(between)
    assert window.next_opening(between) == coming or between == coming


@given(windows(), moments)
def test_while_it_is_open_the_clock_shows_one_of_its_hours(window: Window, at: datetime) -> None:
    if list(window.problems()) or not window.is_open(at):
        return
    shown = at.astimezone(ZoneInfo(window.zone))
    begin, end = window.hours.split("-")
    now = f"{shown:%H:%M}"
    across = end <= begin
    assert (now >= begin or now < end) if across else begin <= now < end
    on = shown if now >= begin else shown - timedelta(days=1)
    assert names[on.weekday()] in window.days or _skipped(on)


def _skipped(on: datetime) -> bool:
    """Tell whether the day before is one that the clock never showed: Apia, 30 December 2011."""
    return (on.year, on.month, on.day, str(on.tzinfo)) == (2011, 12, 31, "Pacific/Apia")
