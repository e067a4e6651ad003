"""Every named query of the project is understood by a real server with a real ledger."""

import re
from importlib.resources import files

import psycopg
import pytest

from pgtide.sql import queries
from tests.driving import migrate
from tests.users import create_users, email_migration

PACKAGE = files("pgtide.sql")
NAMED = sorted(
    file.name.removesuffix(".sql")
    for file in PACKAGE.iterdir()
    if file.name.endswith(".sql") and re.search(r"^-- \w+ --$", file.read_text(), re.MULTILINE)
)
QUERIES = [(name, query) for name in NAMED for query in queries(name)]
# What stands in the place of a name that is known only at run time.
PLACES = {"log": "pgtide", "sequence": "pgtide.counter"}
# Asked only of servers that can answer.
SINCE = {"may_set_deadlock_timeout": 150000}
# These ask about objects that live for one trial.
TRIAL = (
    "CREATE TEMP TABLE pgtide_trial (probe int)",
    "CREATE TEMP VIEW pgtide_view AS SELECT probe FROM pgtide_trial",
    "CREATE INDEX pgtide_index ON pgtide_trial (probe)",
    "CREATE SEQUENCE pgtide.counter",
    "CREATE TEMP TABLE pgtide_sample (probe int)",
)


def numbered(text: str) -> str:
    """Write the driver's parameters as the server numbers them."""
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)))
    text = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", text)
    for place, value in PLACES.items():
        text = text.replace(f"{{{place}}}", value)
    return text.replace("%%", "%")


def test_every_query_can_be_prepared(database: str) -> None:
    create_users(database, rows=6)
    migrate(database, email_migration())
    problems = []
    with psycopg.connect(database, autocommit=True) as connection:
        for statement in TRIAL:
            connection.execute(statement.encode())
        version = connection.info.server_version
        for file, name in QUERIES:
            if version < SINCE.get(name, 0):
                continue
            text = numbered(queries(file)[name])
            assert not re.search(r"\{\w+\}", text), f"{file}.{name}: a place is not filled"
            try:
                connection.execute(f"PREPARE q AS {text}".encode())
                connection.execute("DEALLOCATE q")
            except psycopg.Error as error:
                problems.append(f"{file}.{name}: {error}")
    assert problems == []


def test_there_are_queries_to_prepare() -> None:
    assert {"ledger", "catalog", "activity", "expressions", "preflight"} <= set(NAMED)
    assert len(QUERIES) > 50


@pytest.mark.parametrize(("file", "name"), QUERIES)
def test_every_query_says_what_it_is_for(file: str, name: str) -> None:
    first = queries(file)[name].splitlines()[0]
    assert re.fullmatch(r"-- .{10,}", first), first
