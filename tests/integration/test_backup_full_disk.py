"""A disk that fills while a backup is taken: said plainly, nothing counts, the next one passes.

The disk is a real one, mounted for the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgtide.errors import Failed
from pgtide.events import BackupGrew, BackupPartBegan, BackupPartEnded, Event
from pgtide.ledger import backups
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.backed_up import (
    ODD_ID,
    ROWS,
    begun_odd,
    brought_back,
    empty_database,
    scratch_databases,
    states,
    take,
)
from tests.driving import record_of
from tests.small_disk import fill_up, small_disk

Moment = Callable[[Event], bool]

# Before each file there is: the schema's, the rows', the passfile of the restore, the manifest.
MOMENTS: dict[str, Moment] = {
    "the schema": lambda event: isinstance(event, BackupPartBegan) and event.part == "schema",
    "the rows": lambda event: isinstance(event, BackupPartBegan) and event.part == "data",
    "amid the rows": lambda event: isinstance(event, BackupGrew) and event.part == "data",
    "the restore": lambda event: isinstance(event, BackupPartBegan) and event.part == "restoring",
    "the manifest": lambda event: isinstance(event, BackupPartEnded) and event.part == "comparing",
}


@pytest.fixture
def odd(database: str, tmp_path: Path) -> Iterator[Settings]:
    """Give a table whose migration has begun, and a small disk for its backups."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        yield replace(begun_odd(database, disk), backups_compression=0)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_disk_that_fills_is_said_nothing_counts_and_the_next_one_passes(
    odd: Settings, moment: str
) -> None:
    disk, before = odd.backups_dir.parent, record_of(odd.url, ODD_ID)
    fillers: list[Path] = []

    def hear(event: Event) -> None:
        if not fillers and MOMENTS[moment](event):
            fillers.append(fill_up(disk, leave=0))

    with pytest.raises(Failed) as caught:
        take(odd, ODD_ID, emit=hear)
    [filler] = fillers
    assert "cannot be written: No space left on device" in caught.value.what
    assert (caught.value.exit_code, caught.value.state) == (
        1,
        "The migration is as it was; this is no backup.",
    )
    assert "Make room" in caught.value.remedy
    assert record_of(odd.url, ODD_ID) == before
    [(state, why)] = states(odd.url)
    assert (state, "No space left on device" in str(why)) == ("failed", True)
    with connect(odd.url, purpose="test") as session:
        assert backups.standing(session, ODD_ID) == []
    # The filler alone is left on it.
    assert list((odd.backups_dir / ODD_ID).iterdir()) == []
    assert scratch_databases(odd.url) == []
    filler.unlink()
    assert take(odd, ODD_ID).state == "passed"
    with empty_database(odd.url, "brought_back") as name:
        assert brought_back(odd, name).rows == ROWS
