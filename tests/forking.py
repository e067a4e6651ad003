"""Processes forked from one that has all imports behind it.

Hundreds are started in a run of the tests, and each would spend a second on nothing else.
"""

import multiprocessing
import threading

FORKING = multiprocessing.get_context("forkserver")
# By their names: here they are not needed, and the one imports what imports this.
FORKING.set_forkserver_preload(["tests.scenarios.killed", "cli.main"])
# To start a process is to look at the ended ones, and two looks at once lose an exit code.
ONE_AT_A_TIME = threading.Lock()
