"""Wide lists in thirds: nothing is left out for longer than two days."""

from hypothesis import given
from hypothesis import strategies as st

from tests.thirds import has_its_day


@given(st.text(), st.integers(min_value=0, max_value=1_000_000))
def test_each_case_has_one_day_of_any_three(name: str, day: int) -> None:
    assert [has_its_day(name, one) for one in range(day, day + 3)].count(True) == 1


def test_each_day_has_about_a_third() -> None:
    names = [f"tests/test_some.py::test_one[{number}]" for number in range(3000)]
    for day in range(3):
        assert 800 < sum(has_its_day(name, day) for name in names) < 1200
