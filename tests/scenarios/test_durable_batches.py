"""Where others are at work a batch waits until its log is on disk; else it does not."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pgtide.model.state import Phase
from tests.alongside import alongside
from tests.driving import migrate
from tests.scenarios.backends import wait_for_backend
from tests.small_table import run
from tests.users import create_users, email_migration

# What each batch commits under, as a trigger of the application's sees it.
NOTED = """
CREATE TABLE public.noted (setting text);
CREATE FUNCTION public.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.noted VALUES (current_setting('synchronous_commit'));
    RETURN NULL;
END
$$;
CREATE TRIGGER note AFTER UPDATE ON public.users
FOR EACH STATEMENT EXECUTE FUNCTION public.note()
"""


@contextmanager
def somebody_at_work(url: str) -> Iterator[None]:
    with (
        psycopg.connect(url, autocommit=True, application_name="shop") as connection,
        alongside(connection, "SELECT pg_sleep(600)"),
    ):
        wait_for_backend(url, "shop", event="PgSleep")
        yield


def test_a_batch_leaves_no_log_behind_that_others_would_wait_for(database: str) -> None:
    expanded(database)
    with somebody_at_work(database):
        migrate(database, email_migration(), until=Phase.BACKFILL)
    assert run(database, "SELECT DISTINCT setting FROM public.noted") == [("local",)]


def test_a_batch_that_nobody_waits_for_does_not_wait_itself(database: str) -> None:
    expanded(database)
    migrate(database, email_migration(), until=Phase.BACKFILL)
    assert run(database, "SELECT DISTINCT setting FROM public.noted") == [("off",)]


def expanded(url: str) -> None:
    create_users(url, rows=500)
    run(url, NOTED)
    migrate(url, email_migration(), until=Phase.EXPAND)
