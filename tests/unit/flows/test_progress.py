"""Progress is shown now and then, and says 100 only when it is."""

from flows.progress import Progress
from tests.unit.flows.test_narrator import batch


def test_progress_goes_on_from_the_ledger_and_stays_below_all_until_the_end() -> None:
    shown: list[tuple[float, str]] = []
    now = [0.0]
    progress = Progress(lambda percent, words: shown.append((percent, words)), lambda: now[0])
    progress.begin(done=500, total=1_000)
    for second in (1.0, 3.0, 5.0, 7.0, 10.0):
        now[0] = second
        progress(batch(200))
    progress.end()
    assert [percent for percent, _ in shown] == [50.0, 99.0, 99.0, 100.0]
    assert shown[0][1] == "500 of about 1,000 rows filled"


def test_an_empty_table_divides_by_nothing() -> None:
    shown: list[float] = []
    progress = Progress(lambda percent, _words: shown.append(percent), lambda: 0.0)
    progress.begin(done=0, total=0)
    assert shown == [0.0]
