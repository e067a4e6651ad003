"""Wide lists in thirds: nothing is left out for longer than two days, and no list for one."""

from hypothesis import given
from hypothesis import strategies as st

from tests.thirds import of_another_day

LISTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 40), min_size=1)


def names(lists: dict[str, int]) -> list[str]:
    return [f"t/test_x.py::test_{one}[{n}]" for one, count in lists.items() for n in range(count)]


@given(LISTS, st.integers(0, 1_000_000))
def test_each_case_has_one_day_of_any_three(lists: dict[str, int], day: int) -> None:
    cases = names(lists)
    days = [set(cases) - of_another_day(cases, one) for one in range(day, day + 3)]
    assert sorted(name for one in days for name in one) == sorted(cases)


@given(LISTS, st.integers(0, 1_000_000))
def test_each_list_has_its_third_each_day(lists: dict[str, int], day: int) -> None:
    cases = names(lists)
    kept = set(cases) - of_another_day(cases, day)
    for one, count in lists.items():
        found = sum(name.startswith(f"t/test_x.py::test_{one}[") for name in kept)
        assert count // 3 <= found <= -(-count // 3)


def test_tests_without_cases_are_a_list_by_their_file() -> None:
    tests = [f"t/test_y.py::test_{one}" for one in "abcdef"]
    assert [len(of_another_day(tests, day)) for day in range(3)] == [4, 4, 4]
