"""Processes forked from one that has all imports behind it.

Hundreds are started in a run of the tests, and each would spend a second on nothing else.
"""

import multiprocessing
import threading

FORKING = multiprocessing.get_context("forkserver")
# By their names: here they are not needed, and the one imports what imports this. The last one has
# no garbage looked for among what the others made, in any of the processes.
FORKING.set_forkserver_preload(["tests.scenarios.killed", "cli.main", "tests.frozen"])
# To start a process is to look at the ended ones, and two looks at once lose an exit code.
ONE_AT_A_TIME = threading.Lock()
