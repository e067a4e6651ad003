"""Where a run is announced, as the settings say."""

import sys
from collections.abc import Iterator

from pgtide.notify.courier import Place
from pgtide.notify.hook import Hook
from pgtide.notify.lines import Lines
from pgtide.settings import Settings


def places(settings: Settings) -> Iterator[Place]:
    """Yield them; a bot's token wins over an incoming webhook."""
    if settings.slack_token:
        from pgtide.notify.slack_bot import SlackBot

        yield SlackBot(settings)
    elif settings.slack_webhook:
        from pgtide.notify.slack_hook import SlackHook

        yield SlackHook(settings)
    if settings.webhook:
        yield Hook(settings)
    if settings.log == "json":
        yield Lines(_to_stderr)


def _to_stderr(line: str) -> None:
    sys.stderr.write(line)
    sys.stderr.flush()
