"""The owner's side of the watcher: asks it to run programs, and waits for replies."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pgtide.errors import Failed, Refused
from pgtide.postgres.embedded import watcher
from pgtide.postgres.embedded.account import Account
from pgtide.postgres.embedded.options import StopMode
from pgtide.postgres.embedded.process import started

SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
# Seconds. Starting may replay a gigabyte of WAL; a fast stop writes a checkpoint first.
_START_TIMEOUT = 120
STOP_TIMEOUT = 60


class Supervisor:
    """Run programs and one server as the server's user, through a watcher that outlives us.

    Usable from any thread, but only in the process that made it: in a forked child each request
    is refused and the end of the context does nothing, or a child would stop its parent's server.
    """

    def __init__(
        self, account: Account | None, *, parent: Path | None = None, lock: int | None = None
    ) -> None:
        self._account = account
        self._owner = os.getpid()
        self._turn = threading.Lock()
        self._number = 0
        self._server: tuple[int, str | None] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", watcher.__file__, str(self._owner), str(parent or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )
        assert self._process.stdin  # noqa: S101  we asked for pipes
        assert self._process.stdout  # noqa: S101
        self._requests, self._replies = self._process.stdin, self._process.stdout
        directory = self._hear(0)["directory"]
        self.directory = Path(directory) if directory else None

    def run(self, argv: list[str], *, log: Path) -> int:
        """Run a program to its end and return its exit code; its output goes to the log."""
        return int(self._ask({"do": "run", "argv": argv, "log": str(log)})["exit"])

    def serve(self, argv: list[str], *, data: Path, log: Path) -> int | None:
        """Start the server and return its process id once it is ready; None: it ended."""
        what = {"do": "serve", "argv": argv, "data": str(data), "log": str(log)}
        reply = self._ask({**what, "timeout": _START_TIMEOUT})
        pid: int | None = reply.get("pid")
        self._server = (pid, started(pid)) if pid else None
        return pid

    def stop(self, mode: StopMode) -> None:
        """Stop the server, if it runs; a fast stop that takes a minute becomes an immediate one."""
        self._ask({"do": "stop", "signal": SIGNALS[mode], "timeout": STOP_TIMEOUT})

    def leave(self) -> None:
        """Let the server go on without us and without a watcher."""
        self._ask({"do": "leave"})

    def close(self) -> None:
        """End the watcher, and with it the server and the directory."""
        if os.getpid() != self._owner:
            return
        with suppress(BrokenPipeError, ValueError):  # the watcher, or the pipe, ended before
            self._say({"do": "end"})
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()
        self._replies.close()
        if self._process.returncode < 0:
            self._clear_up()

    def _clear_up(self) -> None:
        """Do the watcher's last work for it: somebody killed it."""
        if self._server:
            pid, when = self._server
            while when and started(pid) == when:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGQUIT)
                time.sleep(0.05)
        if self.directory:
            watcher.remove(self.directory)

    def _ask(self, request: dict[str, object]) -> dict[str, Any]:
        if os.getpid() != self._owner:
            raise Refused(
                f"The database server belongs to process {self._owner}, not to this child of it.",
                state="The server goes on.",
                remedy="Start and stop it in the process that opened it.",
            )
        with self._turn:
            self._number += 1
            user = self._account
            who = {"user": user.uid if user else None, "group": user.gid if user else None}
            try:
                self._say({**request, **who, "number": self._number})
            except (BrokenPipeError, ValueError):
                raise self._lost() from None
            reply = self._hear(self._number)
        if "error" in reply:
            raise self._not_run(reply["error"])
        return reply

    def _say(self, request: dict[str, object]) -> None:
        self._requests.write(json.dumps(request) + "\n")
        self._requests.flush()

    def _hear(self, number: int) -> dict[str, Any]:
        """Read the reply to this request; one to an earlier, interrupted request is passed over."""
        for line in self._replies:
            reply: dict[str, Any] = json.loads(line)
            if reply["number"] == number:
                return reply
        raise self._lost()

    def _lost(self) -> Failed:
        return Failed(
            "The process that watches over the embedded database server has ended.",
            state="It stops the server and removes a temporary one's files as it ends.",
            remedy="Start again; if it happens again, look for what kills processes here.",
        )

    def _not_run(self, detail: str) -> Refused:
        who = f"as user {self._account.name}" if self._account else "as this user"
        return Refused(
            f"A program of the database server cannot be run {who} ({detail}).",
            state="No server was started.",
            remedy="Run pgtide as an ordinary user, or where root may run programs as others.",
        )


@contextmanager
def supervised(
    account: Account | None, *, parent: Path | None = None, lock: int | None = None
) -> Iterator[Supervisor]:
    """Open a watcher; with a parent it makes a directory there, and removes it at the end.

    `lock` is a file descriptor that the watcher holds open as long as it runs: a flock of ours is
    then kept until it has cleared up, also when we are killed.
    """
    supervisor = Supervisor(account, parent=parent, lock=lock)
    try:
        yield supervisor
    finally:
        supervisor.close()
