"""When a signal holds and when it lets go: the pure decision, over any sequence of looks."""

from hypothesis import given
from hypothesis import strategies as st

from pgtide.backfill.throttle.decision import EASY, EASY_LOOKS, WITHIN_LOOKS, Standing, after
from pgtide.backfill.throttle.reading import Clear, Held, Reading, Unreadable, compared

PATIENCE = 15.0
EASILY = Clear(load=0.5, reason="2 s, limit 4 s")
NEARLY = Clear(load=0.9, reason="3.6 s, limit 4 s")
BEYOND = Held(reason="5 s, limit 4 s", value=5.0, limit=4.0)
UNKNOWN = Unreadable(why="no server")

readings = st.one_of(
    st.builds(Clear, load=st.floats(0, 1)),
    st.just(BEYOND),
    st.just(UNKNOWN),
)


def after_all(looks: list[Reading], standing: Standing | None = None, start: float = 0) -> Standing:
    """Return what is known after looks, one a second."""
    known = standing or Standing()
    for number, look in enumerate(looks):
        known = after(known, look, now=start + number, patience=PATIENCE)
    return known


@given(st.lists(readings))
def test_one_look_beyond_the_limit_holds_whatever_came_before(looks: list[Reading]) -> None:
    assert after_all([*looks, BEYOND]).held == BEYOND


@given(st.lists(readings))
def test_three_easy_looks_in_a_row_let_go_whatever_came_before(looks: list[Reading]) -> None:
    assert after_all([*looks, *[EASILY] * EASY_LOOKS]) == Standing()


@given(st.lists(readings))
def test_thirty_looks_within_the_limit_let_go_so_that_none_holds_for_good(
    looks: list[Reading],
) -> None:
    assert after_all([*looks, *[NEARLY] * WITHIN_LOOKS]).held is None


@given(st.lists(st.floats(0, 1).map(lambda load: Clear(load=load)), max_size=WITHIN_LOOKS - 1))
def test_what_holds_goes_on_holding_without_enough_easy_looks(looks: list[Reading]) -> None:
    easy = "".join("e" if isinstance(one, Clear) and one.load <= EASY else "-" for one in looks)
    held = after_all(looks, Standing(held=BEYOND)).held
    assert (held is None) == ("e" * EASY_LOOKS in easy)


@given(st.lists(st.one_of(st.just(EASILY), st.just(NEARLY), st.just(UNKNOWN)), max_size=15))
def test_nothing_within_its_limit_holds_before_it_was_unreadable_for_fifteen_seconds(
    looks: list[Reading],
) -> None:
    assert after_all(looks).held is None


@given(st.lists(readings))
def test_what_is_unreadable_for_fifteen_seconds_holds(looks: list[Reading]) -> None:
    known = after_all(looks)
    held = after_all([UNKNOWN] * 16, known, start=len(looks)).held
    assert held is not None


def test_it_says_for_how_long_it_could_not_be_read_and_why() -> None:
    held = after_all([EASILY, *[UNKNOWN] * 16]).held
    expected = "it cannot be read for 15 s: no server"
    assert held == Held(reason=expected, value=15.0, limit=15.0)


def test_what_held_before_it_became_unreadable_keeps_its_reason() -> None:
    assert after_all([BEYOND, *[UNKNOWN] * 30]).held == BEYOND


def test_a_value_that_falls_slowly_is_shown_as_it_is_now() -> None:
    held = after_all([BEYOND, NEARLY]).held
    assert held is not None
    assert held.reason == "3.6 s, limit 4 s"


def test_what_could_not_be_read_lets_go_near_its_limit_too_since_it_was_never_beyond_it() -> None:
    assert after_all([*[UNKNOWN] * 16, *[NEARLY] * EASY_LOOKS]).held is None


@given(st.floats(0, 1e15), st.floats(0, 1e15))
def test_a_value_holds_exactly_where_it_is_above_its_limit(value: float, limit: float) -> None:
    reading = compared("a reason", value=value, limit=limit)
    assert isinstance(reading, Held) == (value > limit)
    if isinstance(reading, Clear):
        assert 0 <= reading.load <= 1
