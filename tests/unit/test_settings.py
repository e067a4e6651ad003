"""Settings from an environment: every bad value is named, none is guessed."""

from datetime import timedelta

import pytest

from pgtide.errors import InvalidSettings
from pgtide.settings import from_environment


@pytest.mark.parametrize(
    ("text", "meant"), [("1", True), ("true", True), ("no", False), ("0", False), ("", True)]
)
def test_a_switch_reads_plain_words(text: str, *, meant: bool) -> None:
    assert from_environment({"PGTIDE_BACKUP_FIRST": text}).backup_first is meant


def test_spans_are_milliseconds() -> None:
    found = from_environment({"PGTIDE_BACKUPS_FRESH_MS": "1500"})
    assert found.backups_fresh == timedelta(seconds=1.5)


def test_every_bad_value_is_named() -> None:
    wrong = {"PGTIDE_BACKUP_FIRST": "perhaps", "PGTIDE_LOCK_TRIES": "0", "PGTIDE_BATCH_MS": "-1"}
    with pytest.raises(InvalidSettings) as refused:
        from_environment(wrong)
    assert all(name in str(refused.value) for name in wrong)
