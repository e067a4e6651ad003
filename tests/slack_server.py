"""A server on this machine that answers as Slack's Web API does, and as webhooks do; errors too."""

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import pytest

from pgtide.settings import Settings

# Spelled so that nobody takes it for a real one.
TOKEN = "xoxb-of-the-tests"
CHANNEL = "#migrations"
CHANNEL_ID = "C024BE91L"
HOOK_PATH = "/services/T000/B000/of-the-tests"
WEBHOOK_PATH = "/hook?key=of-the-tests"


@dataclass(frozen=True)
class Refuse:
    """HTTP 200 with `ok: false`, as Slack refuses."""

    error: str


@dataclass(frozen=True)
class Http:
    """Another status than 200."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = '{"ok": false}'


@dataclass(frozen=True)
class Close:
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Hang:
    """Take the request, and answer nothing until the server ends."""


Answer = Refuse | Http | Close | Hang


@dataclass(frozen=True)
class Call:
    """A request that came, and when; `took` tells whether it was carried out."""

    path: str
    body: dict[str, Any]
    raw: str
    at: float
    took: bool

    @property
    def text(self) -> str:
        return str(self.body.get("text", ""))


@dataclass
class SlackServer:
    """What was asked, what is in the channel, and how to answer next."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    # By their ts, each with all versions of its text.
    messages: dict[str, list[str]] = field(default_factory=dict)
    replies: list[tuple[str, str]] = field(default_factory=list)
    next: deque[Answer] = field(default_factory=deque)
    always: Answer | None = None
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def settings(self, settings: Settings) -> Settings:
        """Return settings of a bot that posts here."""
        return replace(
            settings,
            slack_token=TOKEN,
            slack_channel=CHANNEL,
            slack_api=f"{self.url}/api/",
            slack_mention="S0ONCALL1",
        )

    def hooked(self, settings: Settings) -> Settings:
        """Return settings of an incoming webhook here."""
        return replace(settings, slack_webhook=f"{self.url}{HOOK_PATH}", slack_mention="U0ONCALL1")

    @property
    def everything(self) -> str:
        """Return all that was ever sent here, headers aside."""
        return "\n".join(f"{call.path} {call.raw}" for call in self.calls)

    @property
    def documents(self) -> list[dict[str, Any]]:
        """Return what came to the plain webhook."""
        return [call.body for call in self.calls if call.path == WEBHOOK_PATH and call.took]

    def answer(self, path: str, raw: str, headers: Any) -> Answer | dict[str, Any]:
        """Take a request and say how to answer it."""
        body = _read(raw, str(headers.get("Content-Type", "")))
        with self.lock:
            said = self.next.popleft() if self.next else self.always
            if said is None:
                said = self._refusal(path, body, headers)
            call = Call(path=path, body=body, raw=raw, at=time.monotonic(), took=said is None)
            self.calls.append(call)
            return said if said is not None else self._taken(path, body)

    def _refusal(self, path: str, body: dict[str, Any], headers: Any) -> Answer | None:
        if not path.startswith("/api/"):
            known = path in {HOOK_PATH, WEBHOOK_PATH}
            return None if known else Http(404, body="no_service")
        if headers.get("Authorization") != f"Bearer {TOKEN}":
            return Refuse("invalid_auth")
        if body.get("channel") not in {CHANNEL, CHANNEL_ID}:
            return Refuse("channel_not_found")
        if path == "/api/chat.update":
            # Unlike a message, an edit wants the channel's id.
            if body["channel"] != CHANNEL_ID:
                return Refuse("channel_not_found")
            return None if body["ts"] in self.messages else Refuse("message_not_found")
        return None if path == "/api/chat.postMessage" else Refuse("unknown_method")

    def _taken(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/api/chat.update":
            self.messages[body["ts"]].append(body["text"])
            return {"ok": True, "channel": CHANNEL_ID, "ts": body["ts"], "text": body["text"]}
        if path != "/api/chat.postMessage":
            return {}
        thread, stamp = body.get("thread_ts"), f"1764400000.{len(self.calls):06d}"
        if thread is None:
            self.messages[stamp] = [body["text"]]
        else:
            self.replies.append((thread, body["text"]))
        return {"ok": True, "channel": CHANNEL_ID, "ts": stamp, "message": {"text": body["text"]}}


def _read(raw: str, kind: str) -> dict[str, Any]:
    if kind.startswith("application/json"):
        found = json.loads(raw)
        assert isinstance(found, dict)
        return found
    return dict(parse_qsl(raw))


class _Server(ThreadingHTTPServer):
    """Waits for those that hang when it is closed, too."""

    slack: SlackServer


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        slack = self.server.slack
        raw = self.rfile.read(int(self.headers["Content-Length"])).decode()
        match slack.answer(self.path, raw, self.headers):
            case Hang():
                slack.over.wait()
            case Close():
                pass
            case Http(status=status, headers=headers, body=body):
                self._say(status, body, headers)
            case Refuse(error=error):
                self._say(200, json.dumps({"ok": False, "error": error}))
            case answer:
                self._say(200, json.dumps(answer) if self.path.startswith("/api/") else "ok")

    def _say(self, status: int, body: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        data = body.encode()
        self.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(data)))):
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """Serve for as long as the block runs."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.slack = slack = SlackServer(url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield slack
    finally:
        slack.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    """A Slack of the test's own; import the fixture where it is needed."""
    with slack_server() as server:
        yield server


def until(holds: Any, *, seconds: float = 10.0) -> None:
    """Wait until something holds; fail where it does not in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.01)
