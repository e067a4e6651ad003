"""The bench, on a table that is too small to prove anything: it measures, shows and writes down."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.bench.bench import bench
from tests.bench.contenders import CONTENDERS
from tests.bench.stage import Order
from tests.bench.undoing import WAYS

ROWS = 10_000
FIELDS = {
    *("contender", "rows", "seconds", "wal_bytes", "hot_share"),
    *("table_bytes_before", "table_bytes_after", "table_bytes_minimal"),
    *("index_bytes_before", "index_bytes_after"),
    *("app_p50_ms", "app_p99_ms", "app_max_ms", "app_failures"),
}


def one_round(place: Path, only: str) -> str:
    """Run one comparison once and return what it printed."""
    said = io.StringIO()
    order = Order(rows=ROWS, rounds=1, only=only, place=place)
    assert bench(order, Console(file=said, width=160))
    return said.getvalue()


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


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
    said = one_round(tmp_path, "backfill")
    figures = read(tmp_path / "backfill.json")
    assert [one["contender"] for one in figures] == [one.name for one in CONTENDERS]
    assert all(set(one) == FIELDS and one["rows"] == ROWS for one in figures)
    assert [one["app_failures"] for one in figures] == [0] * len(figures)
    # Three new columns fit no page as it was; and a row is a row, whoever wrote it.
    assert all(one["table_bytes_after"] > one["table_bytes_before"] for one in figures)
    assert len({round(one["table_bytes_minimal"], -6) for one in figures}) == 1
    assert read(tmp_path / "backfill_run.json")["idle"]["failures"] == 0
    assert "nobody migrates" in said
