"""Slack by an incoming webhook: it cannot edit, so what happens follows as messages."""

from http.client import HTTPException
from typing import Final

from slack_sdk.errors import SlackClientError
from slack_sdk.webhook import WebhookClient

from pgtide.notify.mailbox import Act, Outcome, Rejected, Sent, Tell, Trouble
from pgtide.notify.notice import Kind, Subject
from pgtide.notify.retry_after import retry_after
from pgtide.notify.slack_bot import mute
from pgtide.notify.slack_words import escaped, told
from pgtide.settings import Settings

_SECONDS: Final = 10
_OK: Final = 200
_BUSY: Final = 429
_BROKEN: Final = 500
_BAD: Final = 400
_PLAIN: Final = (
    "(This is an incoming webhook, which cannot edit: what happens follows as messages. A bot's "
    "token would keep one message up to date: docs/notifications.md.)"
)


class SlackHook:
    """Send notices, each as a message; every failure is an outcome, none is raised."""

    name: Final = "Slack"
    threaded: Final = False
    summed: Final = True

    def __init__(self, settings: Settings) -> None:
        self._mention = settings.slack_mention
        self._client = WebhookClient(
            settings.slack_webhook or "", timeout=_SECONDS, retry_handlers=[], logger=mute()
        )

    def send(self, act: Act, subject: Subject) -> Outcome:
        """Try once."""
        if not isinstance(act, Tell):
            return Sent()
        text = "\n".join((escaped(_head(subject)), told(act, subject, self._mention)))
        if act.notices[0].kind is Kind.RUN_BEGAN:
            text = f"{text}\n{_PLAIN}"
        try:
            answer = self._client.send(text=text, unfurl_links=False, unfurl_media=False)
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            return Trouble(why=f"no answer from Slack ({type(error).__name__})")
        return _judged(answer.status_code, answer.headers)


def _head(subject: Subject) -> str:
    parts = (subject.environment, subject.target, subject.table, subject.link)
    return " | ".join((f"{subject.id} {subject.version or ''}".strip(), *filter(None, parts)))


def _judged(status: int, headers: object) -> Outcome:
    if status == _OK:
        return Sent()
    why = f"Slack answered with HTTP {status}"
    if status == _BUSY:
        return Trouble(why=why, pause=retry_after(headers))
    if status >= _BROKEN:
        return Trouble(why=why)
    # 400 is about the message; 403, 404 and 410: the webhook or its channel is gone.
    return Rejected(why=why, for_good=status != _BAD)
