"""A process that runs declared statements and ends itself with SIGKILL at an event.

Called with the database's address and the event; says the event that it was killed at.
"""

import os
import signal
import sys

from pgtide.events import Event
from tests.driving import migrate
from tests.scenarios.declared_sql import declared
from tests.scenarios.killed import label


def main(url: str, at: str) -> None:
    """Go forward, and no further than the event."""

    def listen(event: Event) -> None:
        print(label(event), flush=True)
        if label(event) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate(url, declared(), emit=listen)


if __name__ == "__main__":
    main(*sys.argv[1:])
