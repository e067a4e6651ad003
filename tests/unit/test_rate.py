"""How hard a backfill works: who says so first, how long it rests, and what it cannot keep."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgtide import Backfill
from pgtide.backfill.rate import Rate, batches_in_pass, rate_of, rest, short_pass
from pgtide.errors import InvalidSettings
from pgtide.ledger.rate import LiveRate
from pgtide.model.rate import LEAST_DUTY, problems
from pgtide.settings import Settings, from_environment

FILLING = Backfill(batch_ms=10, duty=0.8)


def test_the_operator_comes_before_the_environment_and_that_before_the_migration() -> None:
    assert rate_of(Settings(), FILLING, LiveRate()) == Rate(target=0.01, duty=0.8)
    plain, said = Settings(), Settings(batch_target=timedelta(milliseconds=20), duty=0.5)
    assert rate_of(plain, Backfill(), LiveRate()) == Rate(target=0.05, duty=1.0)
    assert rate_of(said, FILLING, LiveRate()) == Rate(target=0.02, duty=0.5)
    assert rate_of(said, FILLING, LiveRate(duty=0.1)) == Rate(target=0.02, duty=0.1)
    assert rate_of(said, FILLING, LiveRate(batch_ms=5)) == Rate(target=0.005, duty=0.5)


@given(st.floats(min_value=0, max_value=100), st.floats(min_value=LEAST_DUTY, max_value=1))
def test_work_is_its_share_of_the_time(worked: float, duty: float) -> None:
    whole = worked + rest(worked, duty)
    assert worked == pytest.approx(duty * whole)
    assert rest(worked, 1.0) == 0


@pytest.mark.parametrize("duty", [0.0, 0.049, 1.01, -1.0])
def test_a_share_that_is_none_is_refused(duty: float) -> None:
    assert len(list(problems(duty, None))) == 1
    assert len(list(Backfill(duty=duty).problems())) == 1
    with pytest.raises(InvalidSettings, match="PGTIDE_DUTY"):
        from_environment({"PGTIDE_DUTY": str(duty)})


def test_a_batch_of_no_time_or_of_minutes_is_refused() -> None:
    assert [len(list(problems(None, ms))) for ms in (0, 0.5, 1, 60_000, 60_001)] == [1, 1, 0, 0, 1]


def test_where_a_pass_is_too_short_for_the_target_the_plan_says_so() -> None:
    # 2048 blocks of 48 rows in 16 passes: 37 ms.
    filling = Backfill()
    said = short_pass(98_304, passes=16, target=0.05, filling=filling)
    assert said is not None
    assert "some 37 ms" in said
    assert "a quarter" in said
    assert "below the 50 ms" in said
    assert short_pass(98_304, passes=16, target=0.037 / 3.5, filling=filling) is not None
    assert short_pass(98_304, passes=16, target=0.037 / 4.5, filling=filling) is None
    assert short_pass(98_304, passes=1, target=0.05, filling=filling) is None


def test_where_time_is_favoured_a_pass_has_fewer_batches() -> None:
    filling = Backfill(favour="time")
    assert batches_in_pass(filling) < batches_in_pass(Backfill())
    said = short_pass(98_304, passes=16, target=0.05, filling=filling)
    assert said is not None
    assert "a third" in said
    assert short_pass(98_304, passes=16, target=0.037 / 2.5, filling=filling) is not None
    assert short_pass(98_304, passes=16, target=0.037 / 3.5, filling=filling) is None
