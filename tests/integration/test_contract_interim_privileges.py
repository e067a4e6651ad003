"""What a role may do under a column's final and interim names is the same before and after."""

from collections.abc import Iterator

import psycopg
import pytest

from pgtide import ReplaceColumn
from pgtide.model.migration import Migration
from tests.contracting import contract, dump, purge, undone
from tests.driving import migrate
from tests.roles import temporary_role
from tests.small_table import create_small, run, small_migration

_RIGHTS = """
SELECT name, right_, has_column_privilege(%(role)s, 'public.t', name, right_)
  FROM unnest(ARRAY['a', 'a_v2']) name,
       unnest(ARRAY['SELECT', 'UPDATE', 'UPDATE WITH GRANT OPTION', 'INSERT']) right_
 ORDER BY 1, 2
"""


def interim() -> Migration:
    return small_migration(ReplaceColumn("a", interim="a_v2", type="integer"))


def rights(url: str, *roles: str) -> list[object]:
    """Return what each role may do under either name."""
    with psycopg.connect(url) as connection:
        return [connection.execute(_RIGHTS, {"role": role}).fetchall() for role in roles]


@pytest.fixture
def two(database: str) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    with temporary_role(database) as first, temporary_role(database) as second:
        yield first, second


def test_a_release_of_the_interim_name_keeps_its_rights_and_gets_no_others(
    database: str, two: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    (role, url), (other, _) = two
    create_small(database)
    run(database, f"GRANT SELECT (a), UPDATE (a) ON public.t TO {other} WITH GRANT OPTION")
    first = dump(database)
    migrate(database, interim())
    run(
        database,
        f"GRANT SELECT (id), SELECT (a_v2), UPDATE (a_v2) ON public.t TO {role}",
        f"GRANT INSERT (a_v2), UPDATE (a_v2) ON public.t TO {other}",
    )
    before, had = dump(database), rights(database, role, other)
    step = contract(database, interim())
    assert rights(database, role, other) == had
    run(url, "UPDATE public.t SET a_v2 = 70 WHERE id = 1")
    assert run(database, "SELECT a, a_v2 FROM public.t WHERE id = 1") == [(70, 70)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(url, "UPDATE public.t SET a = 71 WHERE id = 1")
    undone(database, step)
    assert dump(database) == before
    run(url, "UPDATE public.t SET a_v2 = 72 WHERE id = 1")
    contract(database, interim())
    purge(database, interim())
    run(database, f"REVOKE ALL (id) ON public.t FROM {role}")
    assert dump(database) == first


def test_what_a_role_gave_on_to_another_is_not_taken_away(
    database: str, two: tuple[tuple[str, str], tuple[str, str]]
) -> None:
    (role, url), (other, second) = two
    create_small(database)
    migrate(database, interim())
    run(database, f"GRANT UPDATE (a_v2) ON public.t TO {role} WITH GRANT OPTION")
    run(url, f"GRANT UPDATE (a_v2) ON public.t TO {other}")
    before = dump(database)
    step = contract(database, interim())
    run(second, "UPDATE public.t SET a_v2 = 70")
    undone(database, step)
    assert dump(database) == before
    run(url, f"REVOKE UPDATE (a_v2) ON public.t FROM {other}")
