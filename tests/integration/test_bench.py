"""The bench, on tables that are too small to prove anything: it measures, shows, writes, draws."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.bench.bench import bench
from tests.bench.contenders import (
    BY_ITSELF,
    CONTENDERS,
    FOR_TIME,
    ONE_UPDATE,
    ONE_WORKER,
    TWO_WORKERS,
)
from tests.bench.contenders.inside_prefect import CONTROL, INSIDE, TWIN
from tests.bench.stage import Order
from tests.bench.tables import OTHERS
from tests.bench.undoing import WAYS

# Everything is measured once; others may be at work on the machine.
pytestmark = [pytest.mark.timeout(900), pytest.mark.wide, pytest.mark.long]

ROWS = 10_000
PAIR = (ONE_UPDATE, TWO_WORKERS)
FIELDS = {
    *("contender", "rows", "seconds", "wal_bytes", "hot_share"),
    *("table_bytes_before", "table_bytes_after", "table_bytes_minimal"),
    *("index_bytes_before", "index_bytes_after"),
    *("app_p50_ms", "app_p99_ms", "app_max_ms", "app_failures"),
}


def one_round(place: Path, only: str, *, rows: int = ROWS) -> str:
    """Run one comparison once and return what it printed."""
    said = io.StringIO()
    order = Order(rows=rows, rounds=1, only=only, place=place)
    assert bench(order, Console(file=said, width=160))
    return said.getvalue()


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def assert_drawn(*paths: Path) -> None:
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_undo_is_measured_by_every_way_at_both_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.bench.undo.QUIET_SECONDS", 0.3)
    said = one_round(tmp_path, "undo")
    document = read(tmp_path / "undo.json")
    measured = {(one["way"], one["rows"]) for one in document["undone"]}
    assert measured == {(way, rows) for way in WAYS for rows in (3_000, 30_000)}
    tries = [each for one in document["undone"] for each in one["tries"]]
    assert all(each["failures"] == 0 and each["hold"] > 0 for each in tries)
    assert "the lock is held no longer for 30,000 rows than for 3,000" in said
    assert "1 tries are no verdict" in said


def test_every_contender_fills_the_table_and_is_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.bench.backfill.IDLE_SECONDS", 1.0)
    monkeypatch.setattr("tests.bench.load._WARM_SECONDS", 0.2)
    # pgtide's others take part in the other comparisons.
    raced = [one for one in CONTENDERS if one not in {ONE_WORKER, TWO_WORKERS}]
    monkeypatch.setattr("tests.bench.comparisons.backfill.CONTENDERS", raced)
    said = one_round(tmp_path, "backfill")
    figures = read(tmp_path / "backfill.json")
    assert [one["contender"] for one in figures] == [one.name for one in raced]
    assert all(set(one) == FIELDS and one["rows"] == ROWS for one in figures)
    online = [one.name for one in raced if not one.offline]
    assert [one["contender"] for one in figures if one["app_failures"] == 0] == online
    # Three new columns fit no page as it was; and a row is a row, whoever wrote it.
    assert all(one["table_bytes_after"] > one["table_bytes_before"] for one in figures)
    assert len({round(one["table_bytes_minimal"], -6) for one in figures}) == 1
    rest = read(tmp_path / "backfill_run.json")
    # Those whose time is claimed came twice a round.
    again = {name for name, tries in rest["seconds"].items() if len(tries) == 2}
    assert again == {ONE_UPDATE.name, FOR_TIME.name, BY_ITSELF.name}
    assert rest["idle"]["failures"] == 0
    assert rest["idle"]["per_second"] > 200
    assert list(rest["application"]) == online
    assert "nobody migrates" in said
    assert_drawn(*(tmp_path / f"backfill_{what}.png" for what in ("time", "size", "waits")))


def test_other_tables_and_a_pinned_horizon_are_written_down_each_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.bench.comparisons.tables._CONTENDERS", PAIR)
    monkeypatch.setattr("tests.bench.comparisons.tables.OTHERS", OTHERS[:1])
    monkeypatch.setattr("tests.bench.comparisons.horizon._CONTENDERS", (*PAIR, ONE_WORKER))
    for only, files in (
        ("tables", ["backfill_narrow.json"]),
        ("horizon", ["backfill_pinned.json"]),
    ):
        one_round(tmp_path, only)
        for file in files:
            figures = read(tmp_path / file)
            assert {one["contender"] for one in figures} >= {one.name for one in PAIR}
            assert all(set(one) == FIELDS for one in figures)
    assert_drawn(tmp_path / "tables.png")
    assert list(read(tmp_path / "horizon_run.json")["named"]) == [
        one.name for one in (*PAIR, ONE_WORKER)
    ]


def test_sizes_and_kills_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.scaling.SHARES", (0.3,))
    monkeypatch.setattr("tests.bench.kills.PER_ROUND", 1)
    one_round(tmp_path, "scaling")
    measured = read(tmp_path / "scaling.json")["scaling"]
    assert [one["rows"] for one in measured] == [3_000, 3_000]
    walked = [one["process"] for one in measured if one["contender"] == TWO_WORKERS.name]
    assert all(0 < one["first_bytes"] <= one["most_bytes"] for one in walked)
    assert all(one["us_per_row"] > 0 for one in measured)
    assert_drawn(tmp_path / "scaling.png")
    one_round(tmp_path, "kills")
    killed = read(tmp_path / "kills.json")
    assert killed["killed"]["survived"]["kills"] == killed["killed"]["wanted"] == 1
    assert all(claim["kept"] for claim in killed["claims"])


def test_batch_targets_are_measured_on_both_kinds_of_rows(tmp_path: Path) -> None:
    said = one_round(tmp_path, "targets")
    measured = read(tmp_path / "targets.json")["targets"]
    wanted = {(kind, target) for kind in ("narrow", "wide") for target in (0.01, 0.05, 0.2)}
    assert {(one["kind"], one["target"]) for one in measured} == wanted
    assert all(len(one["seconds"]) == 1 for one in measured)
    # So small a table is over before anything can be said, and that is said.
    assert "too short" in said


def test_what_prefect_costs_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.bench.task_runs.ROWS", 2_000)
    # An artifact for each batch takes a hundredth of a second, and it has three times the rows.
    said = one_round(tmp_path, "orchestration", rows=300)
    document = read(tmp_path / "orchestration.json")
    measured = document["orchestration"]
    (run, whole) = measured["by_runner"][0]
    assert 0 < run < whole
    assert measured["here"][0] > 0
    assert 5 < measured["counted"]["task_runs"] < measured["counted"]["slices"]
    names = [TWO_WORKERS.name, INSIDE, TWIN.name, CONTROL]
    assert list(measured["walked"]) == names
    assert all(0 < measured["walked"][one][0] <= measured["whole"][one][0] for one in names)
    assert "inside Prefect" in said
