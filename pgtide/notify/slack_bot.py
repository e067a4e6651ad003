"""Slack by a bot's token: one message per run, edited in place, with replies."""

import logging
import re
from http.client import HTTPException
from typing import Final

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web import SlackResponse, WebClient

from pgtide.notify.mailbox import Act, Edit, Lost, Outcome, Post, Rejected, Sent, Tell, Trouble
from pgtide.notify.notice import Subject
from pgtide.notify.retry_after import retry_after
from pgtide.notify.slack_words import escaped, told
from pgtide.settings import Settings

_SECONDS: Final = 10
_BUSY: Final = 429
_BROKEN: Final = 500
# What passes by itself, by Slack's own words.
_TRANSIENT: Final = frozenset(
    {
        "ratelimited",
        "rate_limited",
        "message_limit_exceeded",
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
    }
)
_CODE: Final = re.compile(r"[a-z0-9_]+")
_GONE: Final = frozenset({"message_not_found", "thread_not_found"})
# About this message only; all else is about the token, the channel or the app, and stays so.
_THIS_ONE: Final = frozenset(
    {
        "cant_update_message",
        "edit_window_closed",
        "msg_too_long",
        "no_text",
        "cannot_reply_to_message",
        "invalid_arguments",
    }
)


class SlackBot:
    """Send what a mailbox wants sent; every failure is an outcome, none is raised."""

    name: Final = "Slack"
    threaded: Final = True
    summed: Final = True

    def __init__(self, settings: Settings) -> None:
        self._channel = settings.slack_channel or ""
        self._mention = settings.slack_mention
        # No handler of its own tries again: it would sleep, and the mailbox knows when.
        self._client = WebClient(
            token=settings.slack_token,
            base_url=settings.slack_api,
            timeout=_SECONDS,
            retry_handlers=[],
            logger=mute(),
        )

    def send(self, act: Act, subject: Subject) -> Outcome:
        """Try once."""
        try:
            return self._sent(act, subject)
        except SlackApiError as error:
            return _refused(error.response)
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            # The text of some of these quotes what was sent.
            return Trouble(why=f"no answer from Slack ({type(error).__name__})")

    def _sent(self, act: Act, subject: Subject) -> Sent:
        match act:
            case Post(text=text):
                answer = self._post(escaped(text), thread=None)
                # A name is answered with the id, which edits ask for.
                self._channel = str(answer.get("channel") or self._channel)
                return Sent(message=str(answer.get("ts")))
            case Edit(message=message, text=text):
                self._client.chat_update(channel=self._channel, ts=message, text=escaped(text))
            case Tell(message=message):
                self._post(told(act, subject, self._mention), thread=message)
        return Sent()

    def _post(self, text: str, *, thread: str | None) -> SlackResponse:
        return self._client.chat_postMessage(
            channel=self._channel,
            text=text,
            thread_ts=thread,
            unfurl_links=False,
            unfurl_media=False,
        )


def _refused(answer: SlackResponse | object) -> Outcome:
    status, headers, code = _read(answer)
    if status == _BUSY:
        return Trouble(why="Slack is rate limiting", pause=retry_after(headers))
    if status >= _BROKEN:
        return Trouble(why=f"Slack answered with HTTP {status}", pause=retry_after(headers))
    if not code or code in _TRANSIENT:
        # Without a word of Slack's it is a proxy's page, or half of an answer.
        return Trouble(
            why=f"Slack answered {code or 'nothing to read'}", pause=retry_after(headers)
        )
    if code in _GONE:
        return Lost()
    return Rejected(why=f"Slack answered {code}", for_good=code not in _THIS_ONE)


def _read(answer: SlackResponse | object) -> tuple[int, object, str]:
    if isinstance(answer, SlackResponse):
        error = str(answer.get("error") or "")
        # Elsewise it is slack-sdk's own sentence, with what a proxy answered in it.
        return answer.status_code, answer.headers, error if _CODE.fullmatch(error) else ""
    if isinstance(answer, dict):
        return int(answer.get("status") or 0), answer.get("headers"), ""
    return 0, None, ""


def mute() -> logging.Logger:
    """Return a logger that says nothing: Slack's own would print addresses and bodies."""
    return logging.Logger("pgtide.slack", logging.CRITICAL + 1)  # noqa: LOG001  # in no hierarchy
