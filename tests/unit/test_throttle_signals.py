"""What each signal says of rows that a test's server would not show at will."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.throttle.connections import Connections
from pgtide.backfill.throttle.declared import Declared
from pgtide.backfill.throttle.disk_free import DiskFree, free_space
from pgtide.backfill.throttle.horizon import Horizon
from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable
from pgtide.backfill.throttle.replica_bytes import ReplicaBytes
from pgtide.backfill.throttle.replica_gone import ReplicaGone
from pgtide.backfill.throttle.replica_lag import ReplicaLag
from pgtide.backfill.throttle.slots import Slots
from pgtide.backfill.throttle.vacuum import Vacuum
from pgtide.backfill.throttle.wal_rate import WalRate
from pgtide.model.throttle import HoldWhile

MB = 1024.0**2


def replica(name: str, written: float, replayed: float) -> dict[str, Any]:
    return {"name": name, "hidden": False, "written": written, "replayed": replayed}


def value(reading: Reading) -> float:
    assert not isinstance(reading, Unreadable)
    return reading.value or 0.0


def test_a_replica_that_has_replayed_all_does_not_lag_however_long_nothing_is_written() -> None:
    signal = ReplicaLag(2.0)
    for second in range(100):
        assert value(signal.judge([replica("r", 500, 500)], second)) == 0


def test_a_replica_that_stands_still_lags_by_the_age_of_what_it_lacks() -> None:
    signal = ReplicaLag(2.0)
    seen = [signal.judge([replica("r2", 500 + 100 * at, 550)], at) for at in range(6)]
    # What was written by second 1 is the oldest thing that it lacks.
    assert [value(one) for one in seen] == [0, 0, 1, 2, 3, 4]
    assert isinstance(seen[4], Held)
    assert seen[4].reason == "replica r2 lags 3 s, limit 2 s"


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.floats(0, 1e9))
def test_the_lag_is_never_more_than_the_time_since_the_first_look(
    growth: list[float], replayed: float
) -> None:
    signal, written = ReplicaLag(2.0), 0.0
    for at, more in enumerate(growth):
        written += more
        lag = value(signal.judge([replica("r", written, min(replayed, written))], at))
        assert 0 <= lag <= at


def test_the_replica_that_is_furthest_behind_counts_and_one_that_is_late_on_purpose_does_not() -> (
    None
):
    rows = [replica("near", 9 * MB, 8 * MB), replica("late", 9 * MB, 0), replica("far", 9 * MB, MB)]
    held = ReplicaBytes(4 * MB, ("late",)).judge(rows, 0)
    assert held == Held(reason="replica far is 8 MB behind, limit 4 MB", value=8 * MB, limit=4 * MB)


def test_one_of_two_replicas_of_one_name_that_goes_is_missed_until_it_is_back() -> None:
    signal, two = ReplicaGone(), [replica("walreceiver", 1, 1)] * 2
    assert isinstance(signal.judge([], 0), Clear)
    assert isinstance(signal.judge(two, 1), Clear)
    gone = signal.judge(two[:1], 2)
    assert isinstance(gone, Held)
    assert gone.value == 1.0
    assert gone.reason.startswith("replica walreceiver is gone since this run began")
    assert isinstance(signal.judge(two, 3), Clear)


def test_replicas_that_a_role_may_not_see_are_unreadable_not_absent() -> None:
    rows = [{"name": None, "hidden": True, "written": 1.0, "replayed": None}]
    for signal in (ReplicaLag(2.0), ReplicaBytes(MB), ReplicaGone()):
        reading = signal.judge(rows, 0)
        assert isinstance(reading, Unreadable)
        assert "GRANT pg_read_all_stats" in reading.why


def test_the_wal_rate_is_the_mean_of_the_last_five_seconds() -> None:
    signal = WalRate(3 * MB)
    written = [0, 1, 2, 3, 4, 5, 25, 26, 27, 28, 29, 30, 31]
    seen = [value(signal.judge([{"written": n * MB}], at)) for at, n in enumerate(written)]
    assert seen[:6] == [0.0, *[MB] * 5]
    assert seen[6] == 24 / 5 * MB
    assert seen[-1] == MB


def test_a_slot_that_may_lose_its_wal_holds_however_little_it_keeps() -> None:
    row = {"name": "cdc", "active": False, "wal_status": "unreserved", "safe": -1.0, "kept": MB}
    held = Slots(1024 * MB).judge([row], 0)
    assert isinstance(held, Held)
    assert held.reason.startswith("unread slot cdc is unreserved: the server removes WAL")


def test_a_slot_is_held_for_at_three_quarters_of_what_the_server_would_keep() -> None:
    row = {
        "name": "cdc",
        "active": True,
        "wal_status": "extended",
        "safe": 24 * MB,
        "kept": 76 * MB,
    }
    held = Slots(1024 * MB).judge([row], 0)
    assert held == Held(
        reason="slot cdc keeps 76 MB of WAL, limit 75 MB; 24 MB more and it loses them",
        value=76 * MB,
        limit=75 * MB,
    )


def test_the_slot_that_is_worst_off_is_named() -> None:
    common = {"active": False, "wal_status": "extended", "safe": None}
    rows = [
        {"name": "small", "kept": 2 * MB, **common},
        {"name": "big", "kept": 9 * MB, **common},
        {"name": "fine", "kept": 0.0, **common},
    ]
    held = Slots(MB).judge(rows, 0)
    assert isinstance(held, Held)
    assert held.reason == "unread slot big keeps 9 MB of WAL, limit 1 MB"


def test_a_slot_without_a_time_of_its_own_is_as_old_as_it_stands_still() -> None:
    signal, moving = Horizon(10.0), {"who": "slot s", "seconds": None}
    at_7 = [{**moving, "pinned": "7"}]
    assert [value(signal.judge(at_7, at)) for at in (0, 4, 11)] == [0, 4, 11]
    held = signal.judge(at_7, 12)
    assert isinstance(held, Held)
    assert held.reason == "slot s has kept dead rows alive for 12 s, limit 10 s"
    assert value(signal.judge([{**moving, "pinned": "8"}], 13)) == 0


def test_a_vacuum_whose_start_a_role_may_not_see_is_as_old_as_it_was_seen() -> None:
    signal = Vacuum(5.0)
    row = {"pid": 7, "table": "t", "seconds": None, "wraparound": False}
    assert isinstance(signal.judge([row], 100), Clear)
    held = signal.judge([row], 106)
    assert isinstance(held, Held)
    assert held.reason == "a vacuum of t (pid 7) has run for 6 s, limit 5 s"
    assert isinstance(signal.judge([], 107), Clear)
    assert isinstance(signal.judge([row], 108), Clear)


def test_a_vacuum_against_wraparound_holds_at_once_and_without_a_limit() -> None:
    row = {"pid": 7, "table": "t", "seconds": 0.5, "wraparound": True}
    held = Vacuum(None).judge([row], 0)
    assert isinstance(held, Held)
    assert held.reason.startswith("a vacuum to prevent wraparound of t (pid 7)")
    ordinary = {**row, "wraparound": False, "seconds": 9e9}
    assert isinstance(Vacuum(None).judge([ordinary], 1), Clear)


def test_space_that_nobody_can_know_holds_nothing() -> None:
    rows = [{"directory": "/data", "started": 1.0}]
    assert DiskFree(MB, lambda *_: None).judge(rows, 0) == Clear()


def test_space_is_compared_from_below() -> None:
    rows = [{"directory": "/data", "started": 1.0}]
    held = DiskFree(4 * MB, lambda _: {"its data": 9.0 * MB, "its WAL": 3.0 * MB}).judge(rows, 0)
    assert isinstance(held, Held)
    assert held.reason == "3 MB of disk are left for its WAL, at least 4 MB wanted"
    clear = DiskFree(4 * MB, lambda _: {"its data": 9.0 * MB, "its WAL": 8.0 * MB}).judge(rows, 0)
    assert isinstance(clear, Clear)
    assert clear.load == 0.5


def test_another_servers_directory_of_the_same_name_is_not_taken_for_ours(tmp_path: Any) -> None:
    lines = ["4711", str(tmp_path), "1700000000", "5432"]
    (tmp_path / "postmaster.pid").write_text("\n".join(lines))
    ours = {"directory": str(tmp_path), "started": 1_700_000_000.4, "tablespaces": ["/nowhere"]}
    # A place that cannot be asked is left out; there is no directory for WAL here either.
    assert list(free_space(ours) or {}) == ["its data"]
    assert free_space({**ours, "started": 1_600_000_000.0}) is None
    assert free_space({**ours, "directory": str(tmp_path / "nowhere")}) is None


def test_connections_are_shown_as_a_share() -> None:
    held = Connections(0.8).judge([{"taken": 90, "most": 97}], 0)
    assert isinstance(held, Held)
    assert held.reason == "90 of 97 connections are taken (93%), limit 80%"


def test_an_answer_that_is_neither_a_truth_nor_a_number_is_no_answer() -> None:
    plain, limited = (
        Declared(HoldWhile("..."), "mine"),
        Declared(HoldWhile("...", above=1), "mine"),
    )
    assert isinstance(plain.judge(False), Clear)
    assert isinstance(plain.judge(True), Held)
    assert isinstance(limited.judge(1), Clear)
    assert isinstance(limited.judge(2), Held)
    for answer in (None, "soon"):
        assert isinstance(limited.judge(answer), Unreadable)
    assert isinstance(plain.judge(5), Unreadable)
