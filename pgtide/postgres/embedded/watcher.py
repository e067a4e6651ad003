"""The child that runs the server for its owner, and clears up when the owner is gone.

It is the server's parent, so no process number can be mistaken. It sits in a session of its own: a
Ctrl-C at the terminal reaches neither it nor the server while the owner still closes connections.
Two signs tell that the owner is gone, by whatever signal: the end of its pipe, and another parent
process. The second holds even when a forked child of the owner keeps the pipe open.

Started as a script, with the standard library alone, so that it is up in a few tens of
milliseconds. Requests and replies are JSON, one on a line; only the owner begins.
"""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

Message = dict[str, Any]

_REQUESTS: Final = 0
_OWNER_POLL: Final = 0.5  # seconds; the pipe's end is seen at once, this is for the other sign
_CHILD_POLL: Final = 0.01
# An immediate stop takes milliseconds; the server kills its own children after 5 s.
_LAST_STOP: Final = 15.0
# Nothing of the caller's: neither its secrets nor its PGDATA, and messages that can be recognized.
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


class OwnerGone(Exception):
    """Say that the owner ended without saying so."""


class Owner:
    """Hear the owner's requests, and notice that it is gone."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._heard = b""

    def requests(self) -> Iterator[Message]:
        """Yield requests until the owner ends them; raises OwnerGone."""
        while True:
            line, found, rest = self._heard.partition(b"\n")
            if found:
                self._heard = rest
                yield json.loads(line)
            else:
                self.pause(_OWNER_POLL)

    def pause(self, seconds: float) -> None:
        """Wait at most so long, and raise OwnerGone as soon as the owner is."""
        if os.getppid() != self._pid:
            raise OwnerGone
        if select.select([_REQUESTS], [], [], seconds)[0]:
            heard = os.read(_REQUESTS, 65_536)
            if not heard:
                raise OwnerGone
            self._heard += heard


class Server:
    """Hold the one server process, if it runs."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._process: subprocess.Popen[bytes] | None = None
        self._request: Message = {}

    def serve(self, request: Message) -> Message:
        """Start the server; reply when it accepts connections, or with its exit code."""
        self._request = request
        self._process = _spawn(request)
        deadline = time.monotonic() + request["timeout"]
        while self._process.poll() is None:
            if _is_ready(Path(request["data"]), self._process.pid):
                return {"pid": self._process.pid}
            if time.monotonic() > deadline:
                self.end()
                return {"exit": None}
            self._owner.pause(_CHILD_POLL)
        return {"exit": self._process.returncode}

    def stop(self, request: Message) -> Message:
        """Stop the server with the signal asked for; harder, when it takes longer than allowed."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(request["signal"])
            deadline = time.monotonic() + request["timeout"]
            while self._process.poll() is None and time.monotonic() < deadline:
                self._owner.pause(_CHILD_POLL)
        self.end()
        return {}

    def leave(self) -> Message:
        """Let go of the server: it goes on without us."""
        self._process = None
        return {}

    def end(self) -> None:
        """Make sure that the server is gone, and the shared memory that it used."""
        if not self._process:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.send_signal(signal.SIGCONT)  # a stopped process hears nothing else
            try:
                self._process.wait(_LAST_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        _release_shared_memory(self._request)
        self._process = None


def _spawn(request: Message) -> subprocess.Popen[bytes]:
    """Start a program as the server's user, with its output at the end of the log."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    log = os.open(request["log"], flags, 0o600)
    try:
        return subprocess.Popen(
            request["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            start_new_session=True,
            umask=0o077,
            user=request["user"],
            group=request["group"],
            extra_groups=None if request["user"] is None else [],
        )
    finally:
        os.close(log)


def _run(request: Message, owner: Owner) -> Message:
    """Run a program to its end.

    It is let finish also when the owner is gone: initdb takes a second, and would leave shared
    memory behind if it were killed.
    """
    child = _spawn(request)
    try:
        while child.poll() is None:
            owner.pause(_CHILD_POLL)
    finally:
        child.wait()
    return {"exit": child.returncode}


def _is_ready(data: Path, pid: int) -> bool:
    """Read the server's own notice, as pg_ctl does: first line the process, eighth its state."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"  # noqa: PLR2004


def _release_shared_memory(request: Message) -> None:
    """Free what a server that was itself killed with SIGKILL could not free.

    A server that starts frees the segments of its predecessor in the same directory, and `--check`
    ends right after that. Without --check (before PostgreSQL 15) the segments, some kB, stay until
    the server is started again.
    """
    notice = Path(request["data"]) / "postmaster.pid"
    if not notice.exists():
        return  # the server removes it as its last act
    notice.unlink()
    command = [request["argv"][0], "--check", "-D", request["data"]]
    with contextlib.suppress(OSError):
        for _ in range(50):  # its orphaned children leave the memory within moments
            if _spawn({**request, "argv": command}).wait() == 0:
                return
            time.sleep(0.1)


def remove(directory: Path) -> None:
    """Remove the directory, also while orphans of a killed server still write their last files."""
    for _ in range(50):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(0.1)


def _answer(request: Message, server: Server, owner: Owner) -> Message:
    try:
        match request["do"]:
            case "run":
                return _run(request, owner)
            case "serve":
                return server.serve(request)
            case "stop":
                return server.stop(request)
            case _:
                return server.leave()
    except OSError as error:
        return {"error": f"{error.strerror}: {error.filename or request['argv'][0]}"}


def _reply(number: int, message: Message) -> None:
    sys.stdout.write(json.dumps({**message, "number": number}) + "\n")
    sys.stdout.flush()


def _watch(owner: Owner, directory: Path | None) -> None:
    server = Server(owner)
    try:
        _reply(0, {"directory": str(directory) if directory else None})
        for request in owner.requests():
            if request["do"] == "end":
                return
            _reply(request["number"], _answer(request, server, owner))
    finally:
        server.end()


def _leave_on(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def main(owner_pid: str, parent: str) -> None:
    """Serve the owner until its end; a directory of ours in `parent` ("": none) goes with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave_on)
    directory = Path(tempfile.mkdtemp(prefix="pgtide-", dir=parent)) if parent else None
    try:
        if directory:
            directory.chmod(0o711)  # the server's user passes through, nobody looks around
        with contextlib.suppress(OwnerGone, BrokenPipeError):
            _watch(Owner(int(owner_pid)), directory)
    finally:
        if directory:
            remove(directory)


if __name__ == "__main__":
    main(*sys.argv[1:])
