"""However the owner ends, nothing of its server is left; and as long as it lives, the server is."""

import os
import signal
import sys
from pathlib import Path

import pytest

from pgtide.errors import Failed
from pgtide.postgres.embedded import (
    temporary_server,
)
from pgtide.postgres.embedded.process import started
from tests.integration.embedded.processes import (
    NO_FSYNC,
    OWNER,
    assert_nothing_is_left,
    left_of,
    on_linux,
    parent_of,
    python,
    said,
    shared_memory,
    wait_until,
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_nothing_is_left_when_the_owner_dies_by_a_signal(
    number: signal.Signals, open_directory: Path
) -> None:
    with python(OWNER.format(then="time.sleep(600)"), open_directory) as (owner, says):
        pid, data = said(says)
        memory = shared_memory(pid) if sys.platform == "linux" else set()
        owner.send_signal(number)
        assert_nothing_is_left(pid, data, memory)


def test_nothing_is_left_when_a_forked_child_of_the_killed_owner_lives_on(
    open_directory: Path,
) -> None:
    """The child holds the owner's end of the watcher's pipe, so the pipe never ends."""
    fork = "os.fork(); time.sleep(600)"
    with python(OWNER.format(then=fork), open_directory) as (owner, says):
        pid, data = said(says)
        try:
            owner.kill()
            assert_nothing_is_left(pid, data, set())
        finally:
            os.killpg(owner.pid, signal.SIGKILL)


def test_nothing_is_left_when_the_owner_is_killed_while_it_starts(open_directory: Path) -> None:
    with python(OWNER.format(then="pass"), open_directory) as (owner, _says):
        wait_until(lambda: any(open_directory.glob("*/data/*")), "initdb is at work")
        owner.kill()
        wait_until(lambda: not list(open_directory.iterdir()), "its directory is gone")


def test_a_forked_child_that_ends_does_not_end_its_parents_server(open_directory: Path) -> None:
    fork = """
    child = os.fork()
    if child == 0:
        sys.exit(7)     # unwinds the with block
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    print("still", os.kill(s.pid, 0), s.data_dir.exists(), flush=True)
"""
    with python(OWNER.format(then=fork), open_directory) as (owner, says):
        pid, data = said(says)
        assert says.readline() == "still None True\n"
        assert owner.wait(30) == 0
        assert_nothing_is_left(pid, data, set())


def test_ctrl_c_leaves_the_server_up_until_its_owner_has_finished(open_directory: Path) -> None:
    interrupted = """
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        time.sleep(0.5)
        s.stop("fast"); s.start()
        print("alive", flush=True)
"""
    with python(OWNER.format(then=interrupted), open_directory) as (owner, says):
        pid, data = said(says)
        os.killpg(owner.pid, signal.SIGINT)  # what a terminal does: the whole group
        wait_until(lambda: owner.poll() is not None or started(pid) is None, "a reaction")
        assert says.readline() == "alive\n"
        assert owner.wait(30) == 0
        assert_nothing_is_left(pid, data, set())


@on_linux
def test_nothing_is_left_when_the_watcher_itself_was_killed() -> None:
    with temporary_server(NO_FSYNC) as server:
        pid, data, memory = server.pid, server.data_dir, shared_memory(server.pid)
        os.kill(parent_of(pid), signal.SIGKILL)
        with pytest.raises(Failed, match="watches over"):
            server.stop()
    assert_nothing_is_left(pid, data, memory)


@on_linux
def test_the_shared_memory_of_a_server_killed_with_sigkill_is_freed() -> None:
    with temporary_server(NO_FSYNC) as server:
        pid, data, memory = server.pid, server.data_dir, shared_memory(server.pid)
        assert memory
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: started(pid) is None, "the server is gone")
        assert left_of(memory)
    assert_nothing_is_left(pid, data, memory)
