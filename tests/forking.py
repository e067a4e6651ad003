"""Processes forked from one that has all imports behind it.

Hundreds are started in a run of the tests, and each would spend a second on nothing else, or two
where it is Prefect that it imports.
"""

import multiprocessing
import os
import threading
import time
from collections.abc import Mapping

FORKING = multiprocessing.get_context("forkserver")
# By its name: here it is not needed, and what it imports imports this.
FORKING.set_forkserver_preload(["tests.preloaded"])
# To start a process is to look at the ended ones, and two looks at once lose an exit code.
ONE_AT_A_TIME = threading.Lock()


def live_in(environment: Mapping[str, str]) -> None:
    """Be, in the new process, as one that was started with an environment, and no other."""
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()


def know_prefect_anew() -> None:
    """Have Prefect read its environment again: it did when it was imported."""
    from prefect.context import refresh_global_settings_context

    refresh_global_settings_context()
