"""One instance of the application, in a process of its own: steady work on several connections.

`python -m demo.application A --journal FILE ...` with DATABASE_URL set. It says `ready`, works
until its standard input is closed (as it is when its parent dies), finishes its statements and
ends.
"""

import argparse
import sys
import threading
import time
from pathlib import Path

from demo.journal import Entry, Journal
from demo.releases import RELEASES, Request, Requests
from pgtide.errors import PgtideError
from pgtide.postgres.session import Session, connect
from pgtide.settings import load

# As an application's driver leaves them: it waits as long as it takes, and shows it.
_LIMITS = {
    "search_path": "public",
    "lock_timeout": "0",
    "statement_timeout": "0",
    "client_connection_check_interval": "0",
}


class Worker:
    """Work on one connection at a steady pace."""

    def __init__(self, requests: Requests, *, name: str, url: str, interval: float) -> None:
        self._requests = requests
        self._name = name
        self._url = url
        self._interval = interval
        self._session = self._connect()

    def work(self, stop: threading.Event, journal: Journal) -> None:
        """Run statements until told to stop; a late one delays the next, it never makes a burst."""
        due = time.monotonic()
        while not stop.is_set():
            journal.write(self._run(self._requests.next()))
            due = max(due + self._interval, time.monotonic())
            stop.wait(due - time.monotonic())
        self._session.close()

    def _run(self, request: Request) -> Entry:
        begun = time.monotonic()
        try:
            row, error = self._answer(request), None
        except PgtideError as failure:
            row, error = None, failure.what
        return Entry(
            begun=begun,
            seconds=time.monotonic() - begun,
            kind=request.kind,
            id=row.get("id") if row else request.id,
            revision=row.get("revision") if row else None,
            flag=request.flag,
            token=request.token,
            error=error,
        )

    def _answer(self, request: Request) -> dict[str, int] | None:
        if self._session.lost:
            self._session = self._connect()
        return self._session.row(request.sql, request.params, doing=f"a {request.kind}")

    def _connect(self) -> Session:
        session = connect(self._url, purpose="application")
        session.configure({**_LIMITS, "application_name": self._name}, local=False)
        return session


def main() -> None:
    """Work until standard input ends."""
    asked = _arguments()
    release, url, stop = RELEASES[asked.release], load().url, threading.Event()
    with asked.journal.open("a", encoding="utf-8") as file:
        journal, threads = Journal(file), []
        for number in range(asked.connections):
            name = f"{asked.name}{number}"
            worker = Worker(
                Requests(release, worker=name, rows=asked.rows),
                name=f"release {release.name} ({name})",
                url=url,
                interval=asked.connections / asked.rate,
            )
            threads.append(threading.Thread(target=worker.work, args=(stop, journal)))
        for thread in threads:
            thread.start()
        print("ready", flush=True)
        sys.stdin.read()
        stop.set()
        for thread in threads:
            thread.join()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("release", choices=RELEASES)
    parser.add_argument("--name", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--connections", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
