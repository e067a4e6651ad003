"""A TCP proxy before a server that cuts a connection right at a COMMIT.

It reads just enough of the protocol to know which of the client's messages is one.
"""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Self
from urllib.parse import urlsplit, urlunsplit

_LATE = 1.0


class Cut(Enum):
    """When a connection is cut."""

    BEFORE = auto()
    """COMMIT never reaches the server."""
    AFTER = auto()
    """The server has committed; its answer never reaches the client."""
    LATE = auto()
    """The client is cut off first; COMMIT reaches the server a second later."""


class CuttingProxy:
    """Forward connections to a server; cut the one that sends the next COMMIT, once armed."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._armed: Cut | None = None
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.cuts = 0

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._listener, *self._sockets):
            _close(one)
        for thread in self._threads:
            thread.join(10)

    @property
    def url(self) -> str:
        """Return the server's address through this proxy, without encryption."""
        user = self._target.netloc.rpartition("@")[0]
        netloc = f"{user}@127.0.0.1:{self._listener.getsockname()[1]}"
        query = "sslmode=disable&gssencmode=disable"
        return urlunsplit(self._target._replace(netloc=netloc, query=query))

    def arm(self, cut: Cut) -> None:
        """Cut the connection that sends the next COMMIT; once."""
        with self._lock:
            self._armed = cut

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection((self._target.hostname, self._target.port or 0))
                for one in (client, server):
                    # Messages are passed on one by one; each would wait for the last one's receipt.
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(one)
                muted = threading.Event()
                self._spawn(self._to_server, client, server, muted)
                self._spawn(_to_client, client, server, muted)

    def _to_server(
        self, client: socket.socket, server: socket.socket, muted: threading.Event
    ) -> None:
        with suppress(OSError):
            for message in _messages(client):
                cut = self._taken() if _is_commit(message) else None
                if cut is None:
                    server.sendall(message)
                else:
                    _cut(cut, message, client=client, server=server, muted=muted)
        _close(client)
        _close(server)

    def _taken(self) -> Cut | None:
        with self._lock:
            cut, self._armed = self._armed, None
            self.cuts += cut is not None
            return cut


def _cut(
    cut: Cut,
    commit: bytes,
    *,
    client: socket.socket,
    server: socket.socket,
    muted: threading.Event,
) -> None:
    match cut:
        case Cut.BEFORE:
            _close(client)
        case Cut.AFTER:
            muted.set()
            server.sendall(commit)
            time.sleep(_LATE / 2)
            _close(client)
        case Cut.LATE:
            muted.set()
            _close(client)
            time.sleep(_LATE)
            server.sendall(commit)
            time.sleep(_LATE / 2)


def _to_client(client: socket.socket, server: socket.socket, muted: threading.Event) -> None:
    with suppress(OSError):
        while data := server.recv(65_536):
            if not muted.is_set():
                client.sendall(data)
    if not muted.is_set():
        _close(client)
        _close(server)


def _messages(client: socket.socket) -> Iterator[bytes]:
    """Yield the client's messages, whole; the first has no type byte."""
    untyped = True
    while head := _exactly(client, 4 if untyped else 5):
        (length,) = struct.unpack("!I", head[-4:])
        yield head + _exactly(client, length - 4)
        untyped = False


def _exactly(client: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = client.recv(length - len(data))
        if not more:
            return b""
        data += more
    return data


def _is_commit(message: bytes) -> bool:
    # Q: a simple query; P: the parse message of an extended one, with an empty name first.
    return message[:1] in {b"Q", b"P"} and message[5:].strip(b"\0").startswith(b"COMMIT")


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def cutting_proxy(url: str) -> Iterator[CuttingProxy]:
    """Run a proxy before a server for as long as the block does."""
    with CuttingProxy(url) as proxy:
        yield proxy
