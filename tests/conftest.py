"""What holds for every ring: Prefect keeps to a folder of its own, Hypothesis sets no deadlines."""

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

from pgtide.postgres.embedded import Server
from tests.server import fresh_database, running_server

# Set before anything imports Prefect, which reads its environment once; a worker of pytest-xdist
# inherits its parent's. The person who runs the tests keeps their own Prefect profile untouched.
PREFECT_HOME = None if "PREFECT_HOME" in os.environ else tempfile.mkdtemp(prefix="pgtide-prefect-")
if PREFECT_HOME is not None:
    os.environ["PREFECT_HOME"] = PREFECT_HOME
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"

# A machine that is busy elsewhere makes an example slow, not wrong.
settings.register_profile("pgtide", deadline=None, print_blob=True)
settings.load_profile("pgtide")


@pytest.fixture(scope="session", autouse=True)
def remove_prefect_home() -> Iterator[None]:
    """Leave no folder behind; only the process that made it removes it."""
    yield
    if PREFECT_HOME is not None:
        shutil.rmtree(PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this session, for tests that do not stop it."""
    with running_server() as running:
        yield running


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    with fresh_database(server) as url:
        yield url
