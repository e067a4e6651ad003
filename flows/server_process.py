"""The process of a local Prefect server: it serves, and ends when its owner does.

Run as a script, on its own path, by `flows.local_server`. The owner holds the other end of standard
input: whatever ends the owner, SIGKILL included, closes it.
"""

import os
import sys
import threading

import uvicorn


def main(port: str, owned: str) -> None:
    """Serve on a loopback port until the end."""
    if owned == "owned":
        threading.Thread(target=_end_with_owner, name="owner watch", daemon=True).start()
    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(port),
        log_level="warning",
        timeout_graceful_shutdown=1,
    )


def _end_with_owner() -> None:
    while os.read(0, 4096):
        pass
    # Nothing of the server's is worth a graceful end: the truth is in the ledger.
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
