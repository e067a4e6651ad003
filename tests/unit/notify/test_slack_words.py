"""Slack reads what it gets: nothing in a text may call people or become a link's disguise."""

import pytest

from pgtide.notify.slack_words import escaped, mention


def test_a_name_that_looks_like_a_mention_calls_nobody() -> None:
    assert escaped("table <!channel> & <@U123>") == "table &lt;!channel&gt; &amp; &lt;@U123&gt;"


def test_what_is_too_long_for_slack_is_cut() -> None:
    assert len(escaped("x" * 9_000)) < 4_000
    assert escaped("x" * 9_000).endswith(" ...")


@pytest.mark.parametrize(
    ("setting", "sent"),
    [
        ("U024BE7LH", "<@U024BE7LH>"),
        ("@U024BE7LH", "<@U024BE7LH>"),
        ("S0614TZR7", "<!subteam^S0614TZR7>"),
        ("here", "<!here>"),
        ("@channel", "<!channel>"),
        ("<!subteam^S0614TZR7>", "<!subteam^S0614TZR7>"),
        ("", ""),
        (None, ""),
    ],
)
def test_a_mention_is_an_id_a_group_or_everybody(setting: str | None, sent: str) -> None:
    assert mention(setting) == sent
