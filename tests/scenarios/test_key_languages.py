"""A walk along texts that are sorted as a language sorts them, on a server that knows one.

The embedded server brings no ICU, and few machines have compiled a language: the test compiles
German for a server of its own.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgtide.model.state import State
from pgtide.postgres.embedded import Server, ServerOptions, temporary_server
from pgtide.postgres.embedded.account import server_account
from pgtide.postgres.embedded.binaries import server_binaries
from tests.driving import migrate, plan_of, refusal
from tests.memory import memory
from tests.scenarios.keyed import MIXED, ROWS, Batches, create_keyed, keyed_migration
from tests.server import FAST, fresh_database
from tests.small_table import run

_GERMAN = "CREATE COLLATION public.german (provider = libc, locale = 'de_DE.utf8')"


@pytest.fixture(scope="module")
def german_server() -> Iterator[Server]:
    """A server whose programs find a compiled German locale."""
    place = Path(tempfile.mkdtemp(prefix="pgtide-german-"))
    place.chmod(0o755)
    try:
        _compile(place / "de_DE.utf8")
        real = server_binaries(ServerOptions(), server_account()).bin_dir
        for name in ("initdb", "postgres"):
            script = f'#!/bin/sh\nLOCPATH="{place}" exec "{real / name}" "$@"\n'
            (place / name).write_text(script)
            (place / name).chmod(0o755)
        options = ServerOptions(bin_dir=place, settings=FAST)
        with temporary_server(options, directory=memory()) as server:
            yield server
    finally:
        shutil.rmtree(place)


@pytest.fixture
def german(german_server: Server) -> Iterator[str]:
    """A database of that server in which text can be sorted in German."""
    with fresh_database(german_server) as url:
        run(url, _GERMAN)
        yield url


def _compile(target: Path) -> None:
    program = shutil.which("localedef")
    if program is None:
        pytest.skip("no localedef to compile a language with")
    command = [program, "-i", "de_DE", "-f", "UTF-8", str(target)]
    said = subprocess.run(command, check=False, capture_output=True, text=True)
    if not target.is_dir():
        pytest.skip(f"no sources of a language: {said.stderr.strip()}")
    for one in target.rglob("*"):
        one.chmod(0o755 if one.is_dir() else 0o644)


@pytest.mark.parametrize(
    ("columns", "values", "key"),
    [
        ("id text COLLATE german", MIXED, "*"),
        ('b text COLLATE german, id text COLLATE "C"', f"({MIXED}), g::text", "*"),
        ("b text COLLATE german, id int", "(ARRAY['ä', 'B', 'a', 'Z', 'b'])[1 + g % 5], g", "*"),
        (
            'id text COLLATE "C" NOT NULL',
            MIXED,
            "CREATE UNIQUE INDEX german ON public.t (id COLLATE german)",
        ),
    ],
    ids=["text", "with another", "with a number", "of the index alone"],
)
def test_the_walk_goes_in_the_order_of_the_language(
    german: str, columns: str, values: str, key: str
) -> None:
    create_keyed(german, columns, values, key=key)
    batches = Batches()
    assert migrate(german, keyed_migration(), emit=batches).state is State.VERIFIED
    assert batches.filled == ROWS
    assert sum(one.rows for one in batches.sweep) == 0

    bounds = run(
        german,
        "SELECT key_upto[1] FROM pgtide.slice WHERE kind = 'walk' ORDER BY ordinal",
    )
    texts = [str(text) for (text,) in bounds]
    values_list = ", ".join(f"('{one}')" for one in texts)
    ordered = run(german, f"SELECT x FROM (VALUES {values_list}) v (x) ORDER BY x COLLATE german")
    assert [str(text) for (text,) in ordered] == texts


def test_the_order_of_the_language_is_none_of_bytes(german: str) -> None:
    """Else the test above would pass whatever compares."""
    texts = "SELECT x FROM (VALUES ('a'), ('B'), ('ä'), ('Z')) v (x) ORDER BY x COLLATE "
    assert run(german, f"{texts} german") != run(german, f'{texts} "C"')


def test_a_collation_that_has_changed_since_cannot_lead(german: str) -> None:
    """The index may be in an order that the server would not find its rows in today."""
    create_keyed(german, "id text COLLATE german", MIXED)
    run(german, "UPDATE pg_collation SET collversion = '1.0' WHERE collname = 'german'")
    error = refusal(lambda: plan_of(german, keyed_migration()))
    assert "t_pkey: the collation of id has another version than when" in error.what
    assert "REINDEX" in error.what
