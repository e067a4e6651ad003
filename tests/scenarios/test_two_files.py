"""Two files of one name, begun from two places at the same moment."""

from pgtide import AddColumn
from pgtide.errors import Busy, PgtideError, Refused
from pgtide.events import Event, RunBegan
from tests.driving import migrate, record_of, refusal
from tests.small_table import SMALL_ID, create_small, run, small_migration


def test_the_ledger_never_holds_another_file_than_the_one_that_ran(database: str) -> None:
    create_small(database)
    here = small_migration(AddColumn("n", type="int", backfill="a"))
    there = small_migration(AddColumn("n", type="int", backfill="a * 2"))
    met: list[PgtideError] = []

    def begin_the_other(event: Event) -> None:
        if isinstance(event, RunBegan) and not met:
            met.append(refusal(lambda: migrate(database, there)))

    error = refusal(lambda: migrate(database, here, emit=begin_the_other))
    assert isinstance(met[0], Busy)
    assert isinstance(error, Refused)
    assert "was written down anew" in error.what
    migrate(database, there)
    assert record_of(database, SMALL_ID).checksum == there.checksum
    assert run(database, "SELECT n FROM public.t WHERE id = 7") == [(14,)]
