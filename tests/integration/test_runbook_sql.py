"""The SQL of docs/runbook.md is SQL: at three at night nobody wants to mend a misspelt column."""

import re
from typing import Final

import pytest

from pgtide.errors import StatementFailed
from pgtide.ledger.schema import install
from pgtide.postgres.session import Session, connect
from tests.architecture.sources import ROOT

PAGE: Final = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
FILLED: Final = {"PID": "1", "TABLE": "pgtide.migration"}


def statements(page: str) -> list[str]:
    blocks = re.findall(r"^```sql\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return [one for block in blocks for one in block.split(";") if one.strip()]


def planned(session: Session, statement: str) -> None:
    """Let the server read a statement, find what it names, and not run it."""
    for word, value in FILLED.items():
        statement = re.sub(rf"\b{word}\b", value, statement)
    session.rows(f"EXPLAIN {statement}".replace("%", "%%"))


def test_the_server_understands_every_statement(database: str) -> None:
    found = statements(PAGE)
    assert len(found) > 12
    with connect(database, purpose="test") as session:
        install(session, log_schema="pgtide")
        for one in found:
            planned(session, one)


@pytest.mark.untouched
@pytest.mark.parametrize("wrong", ["SELECT plugh FROM pg_stat_activity", "SELECT pgtide.undo('V')"])
def test_a_name_that_is_not_there_would_be_seen(database: str, wrong: str) -> None:
    with (
        connect(database, purpose="test") as session,
        pytest.raises(StatementFailed, match="does not exist"),
    ):
        planned(session, wrong)
