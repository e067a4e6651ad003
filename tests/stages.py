"""Databases in which something was done once; each test that begins there has a copy."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

from pgtide.ledger.schema import install
from pgtide.postgres.embedded import Server
from pgtide.postgres.session import connect
from pgtide.settings import Settings
from tests.driving import migrate
from tests.later import contract
from tests.server import fresh_database, name_of
from tests.users import MIGRATION_ID, create_users, email_migration

ROWS = 300


class Stages:
    """The stages of one server, made when first asked for."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._names: dict[Callable[[str], object], str] = {}
        self._kept = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    @contextmanager
    def copy(self, make: Callable[[str], object]) -> Iterator[str]:
        """Yield the address of a copy of the database that `make` has worked on."""
        if make not in self._names:
            url = self._kept.enter_context(fresh_database(self._server))
            make(url)
            self._names[make] = name_of(url)
        with fresh_database(self._server, self._names[make]) as url:
            yield url


def with_ledger(url: str) -> None:
    """Create the ledger, which takes longer than most of what tests do after it."""
    with connect(url, purpose="test") as session:
        install(session, log_schema=Settings(database_url=url).log_schema)


def verified_users(url: str) -> None:
    """Bring the strategy's migration to where it waits for the later release."""
    create_users(url, rows=ROWS)
    migrate(url, email_migration())


def contracted_users(url: str) -> None:
    """Go on to where the old columns wait to be dropped."""
    verified_users(url)
    contract(url, MIGRATION_ID)
