"""When the scheduler starts a run: a cron line, and the days on which no cron line is right."""

import pytest

from flows.off_peak import Schedule, schedules
from pgtide import Window

ID = "20260101_000000_x"


@pytest.mark.parametrize(
    ("window", "cron"),
    [
        (Window("22:00-06:00", zone="America/Mexico_City"), "0 22 * * *"),
        (Window("01:15-05:00", zone="UTC", days="mon-fri"), "15 1 * * mon,tue,wed,thu,fri"),
        (Window("23:30-04:00", zone="Asia/Tokyo", days="sat-mon"), "30 23 * * mon,sat,sun"),
    ],
)
def test_a_cron_line_says_hour_and_days_by_the_windows_own_clock(window: Window, cron: str) -> None:
    assert schedules(window, ID) == (Schedule(slug="opening", zone=window.zone, cron=cron),)


@pytest.mark.parametrize(
    ("hours", "zone", "first"),
    [
        # Skipped: it opens at the jump. Repeated: it opens the second time.
        ("02:30-05:00", "Europe/Berlin", ["20260329T010000Z", "20261025T013000Z"]),
        ("02:30-05:00", "America/New_York", ["20260308T070000Z", "20270314T070000Z"]),
        ("01:30-05:00", "America/New_York", ["20261101T063000Z", "20271107T063000Z"]),
        # Half an hour, in the south.
        ("01:45-05:00", "Australia/Lord_Howe", ["20260404T151500Z", "20270403T151500Z"]),
    ],
)
def test_openings_that_no_cron_line_can_mean_are_listed_for_ten_years(
    hours: str, zone: str, first: list[str]
) -> None:
    opening, listed = schedules(Window(hours, zone=zone), ID)
    assert opening.cron is not None
    assert (listed.zone, listed.cron) == ("UTC", None)
    assert listed.rrule is not None
    days = listed.rrule.removeprefix("RDATE:").split(",")
    assert days[:2] == first
    assert days[-1].startswith("2035")


def test_a_day_that_is_not_among_the_windows_is_not_listed() -> None:
    """Clocks change on Sundays in Berlin, where this window never opens."""
    assert len(schedules(Window("02:30-05:00", zone="Europe/Berlin", days="mon-fri"), ID)) == 1
