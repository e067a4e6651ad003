"""A declaration says all that is wrong with it, and its checksum is that of its meaning."""

from dataclasses import replace

import pytest

from pgtide.errors import InvalidMigration
from pgtide.model.migration import Migration, split_name
from tests.users import email_migration


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("version", "2.1", "version '2.1' is not a semantic version such as 2.1.0"),
        ("version", "v2.1.0", "is not a semantic version"),
        ("contract_release", "soon", "contract_release 'soon' is not a semantic version"),
        ("contract_release", "2.1.0", "must be later than version 2.1.0"),
        ("contract_release", "2.1.0-rc.1", "must be later than version 2.1.0"),
        ("contract_release", "2.0.9", "must be later than version 2.1.0"),
        ("table", "users", "table 'users' must be written schema.table"),
        ("table", "a.b.c", "must be written schema.table"),
        ("table", "public.", "must be written schema.table"),
        ("table", "", "must be written schema.table"),
        ("changes", [], "it declares no change"),
        ("id", "email", "named YYYYMMDD_HHMMSS_slug.py, in ASCII"),
        ("id", "20251231_120000_é", "named YYYYMMDD_HHMMSS_slug.py, in ASCII"),
    ],
)
def test_a_mistake_is_named(field: str, value: object, message: str) -> None:
    with pytest.raises(InvalidMigration) as caught:
        replace(email_migration(), **{field: value})  # type: ignore[arg-type]  # some are wrong
    assert message in caught.value.what
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(InvalidMigration) as caught:
        Migration(version="1", description="", table="t", changes=[], contract_release="2")
    assert caught.value.what.count(";") == 3


def test_the_checksum_follows_the_meaning_and_not_the_file() -> None:
    migration = email_migration()
    assert replace(migration, id="20990101_000000_other").checksum == migration.checksum
    assert replace(migration, changes=migration.changes[:3]).checksum != migration.checksum
    assert replace(migration, contract_release="2.3.0").checksum != migration.checksum


def test_two_migrations_never_share_their_objects_names() -> None:
    assert email_migration().tag != email_migration("20260101_000000_another").tag


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("public.users", ("public", "users")),
        ('public."a.b"', ("public", "a.b")),
        ('"with ""quotes""".t', ('with "quotes"', "t")),
        ("Mixed Case.prüfung", ("Mixed Case", "prüfung")),
    ],
)
def test_a_name_is_split_as_the_catalog_spells_it(text: str, parts: tuple[str, ...]) -> None:
    assert split_name(text) == parts
