"""Any unique part of an id, or a version."""

import pytest

from pgtide.errors import Refused
from pgtide.operate.find import Candidate, find_id

FIRST = "20250101_000000_users_email"
SECOND = "20250202_000000_users_phone"
KNOWN = [Candidate(id=FIRST, version="1.0.0"), Candidate(id=SECOND, version=None)]


@pytest.mark.parametrize("wanted", [FIRST, "email", "20250101", "1.0.0"])
def test_an_id_a_part_of_it_and_a_version_are_found(wanted: str) -> None:
    assert find_id(wanted, KNOWN) == FIRST


def test_an_exact_id_wins_over_others_that_contain_it() -> None:
    longer = Candidate(id=f"{FIRST}_again", version=None)
    assert find_id(FIRST, [*KNOWN, longer]) == FIRST


def test_an_ambiguous_part_names_all_that_it_may_mean() -> None:
    with pytest.raises(Refused) as refused:
        find_id("users", KNOWN)
    assert FIRST in refused.value.what
    assert SECOND in refused.value.what


@pytest.mark.parametrize(
    ("wanted", "hint"), [("emial", "Did you mean|lists them"), ("1.0.1", "1.0.0"), ("", "lists")]
)
def test_what_is_not_there_is_refused_with_a_hint(wanted: str, hint: str) -> None:
    with pytest.raises(Refused) as refused:
        find_id(wanted, KNOWN)
    assert any(one in refused.value.remedy for one in hint.split("|"))
