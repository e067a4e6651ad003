"""Each part of verification's proof fails by itself, in its own words; then `up` mends it.

One table is verified once, and each case begins with a copy of it. What `up` cannot mend it says.
"""

from collections.abc import Iterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgtide.ledger.run import Caller
from pgtide.model.state import State
from pgtide.phases.verify import MismatchedRows
from pgtide.phases.verify_again import verify_again
from pgtide.postgres.embedded import Server
from tests.driving import ACTOR, migrate, record_of, refusal, settings_for
from tests.integration.proof_cases import CASES, Case, create_touched, found, migration
from tests.server import fresh_database
from tests.small_table import run
from tests.table_state import table_state
from tests.users import MIGRATION_ID


@pytest.fixture(scope="module")
def verified(server: Server) -> Iterator[tuple[str, frozenset[str]]]:
    """Give the name of a database in which the migration is verified, and the table's catalog."""
    with fresh_database(server) as url:
        create_touched(url)
        migrate(url, migration())
        yield str(conninfo_to_dict(url)["dbname"]), frozenset(table_state(url).catalog)


@pytest.fixture
def copied(server: Server, verified: tuple[str, frozenset[str]]) -> Iterator[str]:
    """Give a copy of the test's own."""
    with fresh_database(server, verified[0]) as url:
        yield url


def verification(url: str) -> MismatchedRows:
    """Verify, and return the error that it must end in."""
    record = record_of(url, MIGRATION_ID)
    error = refusal(lambda: verify_again(settings_for(url), Caller(actor=ACTOR), record))
    assert isinstance(error, MismatchedRows)
    assert error.exit_code == 4
    return error


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.wide
def test_verification_says_what_is_wrong_and_up_mends_it(
    verified: tuple[str, frozenset[str]], copied: str, case: Case
) -> None:
    case.deed(copied)
    error = verification(copied)
    assert error.what == found(*case.says)
    assert error.found is not None
    assert error.found.mismatches == case.mismatches
    withdrawn = record_of(copied, MIGRATION_ID)
    assert (withdrawn.state, withdrawn.resume_to) == (State.BACKFILLED, None)
    assert withdrawn.sweep_due
    assert withdrawn.last_error == f"verification: {'; '.join(case.says)}"
    if case.refused:
        assert refusal(lambda: migrate(copied, migration())).what == case.refused
        assert record_of(copied, MIGRATION_ID).sweep_due
        run(copied, case.undone)
    record = migrate(copied, migration())
    assert (record.state, record.sweep_due) == (State.VERIFIED, False)
    assert verified[1] <= set(table_state(copied).catalog)
