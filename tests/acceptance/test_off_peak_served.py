"""The days on which the clocks change, as a real Prefect server lists the runs to come."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployments import deployments
from flows.loader import load_migration
from flows.service.registering import for_runner
from pgtide import Window
from tests.prefect_server import PrefectApi, prefect_api

__all__ = ["prefect_api"]

FILE = """
from flows import migration_flow
from pgtide import AddColumn, Migration, Window

migration = Migration(
    version="1.0.0",
    description="Something for the night",
    table="public.users",
    changes=[AddColumn("note", type="text")],
    contract_release="1.1.0",
    window=Window({hours!r}, zone={zone!r}),
)
flow = migration_flow(migration)
"""
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
# What an ordinary clock on the wall shows, worked out by hand; in UTC.
NIGHTS = [
    # 2 o'clock is 3 o'clock: the window opens at the jump.
    (BERLIN, "02:30-05:00", ["2027-03-27 01:30", "2027-03-28 01:00", "2027-03-29 00:30"]),
    # 2:30 comes twice: it opens the second time.
    (BERLIN, "02:30-05:00", ["2026-10-24 00:30", "2026-10-25 01:30", "2026-10-26 01:30"]),
    (NEW_YORK, "02:30-05:00", ["2027-03-13 07:30", "2027-03-14 07:00", "2027-03-15 06:30"]),
    (NEW_YORK, "01:30-05:00", ["2026-10-31 05:30", "2026-11-01 06:30", "2026-11-02 06:30"]),
    # Far from the change: nothing but the usual hour.
    (BERLIN, "22:00-06:00", ["2027-03-27 21:00", "2027-03-28 20:00", "2027-03-29 20:00"]),
    (NEW_YORK, "22:00-06:00", ["2026-11-01 02:00", "2026-11-02 03:00", "2026-11-03 03:00"]),
]


@pytest.fixture
def served(prefect_api: PrefectApi) -> Iterator[PrefectApi]:
    with temporary_settings({PREFECT_API_URL: prefect_api.url}):
        yield prefect_api


def deployed(folder: Path, hours: str, zone: str) -> UUID:
    """Deploy a migration with a window; return its off-peak deployment."""
    name = f"20260101_000000_{hours[:5].replace(':', '')}_{zone.split('/')[1].lower()}"
    path = folder / f"{name}.py"
    path.write_text(FILE.format(hours=hours, zone=zone), encoding="utf-8")
    wanted = deployments([load_migration(path)])
    (off_peak,) = [one for one in wanted if one.name == "off-peak"]
    with get_client(sync_client=True) as client:
        made = for_runner(client, off_peak)
    identity = made.apply()
    assert isinstance(identity, UUID)
    return identity


@pytest.mark.parametrize(("zone", "hours", "nights"), NIGHTS)
def test_runs_begin_as_the_window_opens_also_when_the_clocks_change(
    served: PrefectApi, tmp_path: Path, zone: str, hours: str, nights: list[str]
) -> None:
    wanted = [datetime.fromisoformat(one).replace(tzinfo=UTC) for one in nights]
    window = Window(hours, zone=zone)
    identity = deployed(tmp_path, hours, zone)
    begins, ends = wanted[0] - timedelta(hours=1), wanted[-1] + timedelta(hours=6)
    runs = served.scheduled(identity, begins, ends)
    assert [one for one in wanted if one not in runs] == []
    # Where cron alone would be an hour early, the window is closed, and that run does nothing.
    assert [one for one in runs if window.is_open(one)] == wanted
