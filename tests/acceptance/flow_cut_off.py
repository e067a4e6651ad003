"""A process that runs the project's flow and loses the Prefect server after its first batch.

It prints the seconds from there to the end of verification. A process of its own, since Prefect's
threads go on knocking at a server that is gone.
"""

import time
from dataclasses import replace

from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from flows.run import run_flow
from pgtide.events import BatchCommitted, Event, PhaseEnded
from pgtide.ledger.run import Caller
from pgtide.settings import load
from tests.acceptance.detour import Detour, detour
from tests.acceptance.flow_records import email


class Cut:
    """Listen, cut the way to the server after the first batch, and time what comes then."""

    def __init__(self, way: Detour) -> None:
        self._way = way
        self._cut_at: float | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case BatchCommitted() if self._cut_at is None:
                self._way.close()
                self._cut_at = time.monotonic()
            case PhaseEnded(phase="verify") if self._cut_at is not None:
                print(time.monotonic() - self._cut_at)
            case _:
                pass


def main() -> None:
    settings = load()
    with (
        detour(settings.prefect_api_url or "") as way,
        # At its end the flow asks the server anyway; fewer times, for the test's sake.
        temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}),
    ):
        caller = Caller(actor="child", emit=Cut(way))
        run_flow(email().flow, replace(settings, prefect_api_url=way.url), caller)


if __name__ == "__main__":
    main()
