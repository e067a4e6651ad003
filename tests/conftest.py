"""What holds for every ring: Prefect keeps to a folder of its own, Hypothesis sets no deadlines."""

import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

from pgtide.postgres.embedded import Server
from tests.memory import memory
from tests.server import fresh_database, running_server
from tests.stages import Stages, contracted_users, verified_users, with_ledger
from tests.thirds import left_out, settle_day

# Set before anything imports Prefect, which reads its environment once. The person who runs the
# tests keeps their own Prefect profile untouched; each worker of pytest-xdist, which inherits its
# parent's environment, has a folder of its own.
_MADE = "PGTIDE_TESTS_PREFECT_HOME"
PREFECT_HOME = (
    tempfile.mkdtemp(prefix="pgtide-prefect-", dir=memory())
    if os.environ.get("PREFECT_HOME") == os.environ.get(_MADE)
    else None
)
if PREFECT_HOME is not None:
    os.environ["PREFECT_HOME"] = os.environ[_MADE] = PREFECT_HOME
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
os.environ["DO_NOT_TRACK"] = "1"

# A machine that is busy elsewhere makes an example slow, not wrong.
settings.register_profile("pgtide", deadline=None, print_blob=True)
settings.load_profile("pgtide")
# A drawn migration takes about two seconds.
_DRAWN = 18


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a person ask for other drawn migrations, a part of the tests, the README's picture."""
    parser.addoption("--third", action="store_true", help="this day's third of the wide lists")
    parser.addoption("--examples", type=int, metavar="N", help="go through N new drawn migrations")
    parser.addoption(
        "--pictures", action="store_true", help="write the picture of the README, as it is now"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Settle how many migrations are drawn: always the same few, unless it is asked for more."""
    config.addinivalue_line("markers", "wide: one way with many values; a third of them a day")
    config.addinivalue_line("markers", "long: half a minute and more a file; they begin first")
    config.addinivalue_line("markers", "untouched: the test's database has no ledger yet")
    examples = config.getoption("--examples")
    settings.register_profile(
        "drawn",
        max_examples=examples or _DRAWN,
        derandomize=examples is None,
        # To make a failing case small takes minutes, which nobody has who only wants to know.
        phases=(Phase.reuse, Phase.generate, Phase.shrink) if examples else (Phase.generate,),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long; leave out another day's thirds, where only one is asked for."""
    # Half a minute and more a file: whoever comes to one last lets all others wait for it.
    items.sort(key=lambda one: one.get_closest_marker("long") is None)
    if config.getoption("--third"):
        others = left_out(items, settle_day())
        config.hook.pytest_deselected(items=others)
        left = set(others)
        items[:] = [one for one in items if one not in left]


def pytest_report_header(config: pytest.Config) -> str:
    """Say how much of the wide lists is gone through."""
    if not config.getoption("--third"):
        return "wide lists: all of them"
    return f"wide lists: the third of day {settle_day()}; `make test ALL=1` goes through all"


def pytest_collection_finish() -> None:
    """Have the tests and all that they import left alone by the garbage collector."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Leave no folder behind: each process removes what it made, one that runs no test too."""
    if PREFECT_HOME is not None:
        shutil.rmtree(PREFECT_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this session, for tests that do not stop it."""
    with running_server() as running:
        yield running


@pytest.fixture(scope="session")
def stages(server: Server) -> Iterator[Stages]:
    """What has been done once on this session's server."""
    with Stages(server) as made:
        yield made


@pytest.fixture
def database(request: pytest.FixtureRequest, server: Server, stages: Stages) -> Iterator[str]:
    """The address of a database of the test's own, with a ledger in which nothing is written.

    Of a test that is marked as `untouched`, one that pgtide has never seen.
    """
    untouched = request.node.get_closest_marker("untouched") is not None
    with fresh_database(server) if untouched else stages.copy(with_ledger) as url:
        yield url


@pytest.fixture
def verified(stages: Stages) -> Iterator[str]:
    """The address of a database with the strategy's users, their migration verified."""
    with stages.copy(verified_users) as url:
        yield url


@pytest.fixture
def contracted(stages: Stages) -> Iterator[str]:
    """The address of a database with the strategy's users, their migration contracted."""
    with stages.copy(contracted_users) as url:
        yield url
