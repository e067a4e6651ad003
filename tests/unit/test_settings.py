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


def test_what_slack_needs_is_asked_for_and_no_secret_is_shown() -> None:
    """An address of a webhook is all that it takes to post there."""
    whole = {
        "PGTIDE_SLACK_TOKEN": "xoxb-of-the-tests",
        "PGTIDE_SLACK_CHANNEL": "#migrations",
        "PGTIDE_SLACK_WEBHOOK": "https://hooks.example.net/services/path",
        "PGTIDE_WEBHOOK": "https://hooks.example.net/?key=path",
    }
    found = from_environment(whole)
    assert found.slack_channel == "#migrations"
    assert [one for one in ("of-the-tests", "path") if one in repr(found)] == []
    for name in ("PGTIDE_SLACK_TOKEN", "PGTIDE_SLACK_CHANNEL"):
        with pytest.raises(InvalidSettings, match=f"{name} is given without"):
            from_environment({name: whole[name]})
    for name in ("PGTIDE_SLACK_WEBHOOK", "PGTIDE_WEBHOOK"):
        with pytest.raises(InvalidSettings, match=f"{name}: must begin with") as refused:
            from_environment({name: "file:///path"})
        assert "path" not in str(refused.value)


def test_the_log_is_text_or_json() -> None:
    assert from_environment({}).log == "text"
    assert from_environment({"PGTIDE_LOG": "JSON"}).log == "json"
    with pytest.raises(InvalidSettings, match="text or json"):
        from_environment({"PGTIDE_LOG": "xml"})
