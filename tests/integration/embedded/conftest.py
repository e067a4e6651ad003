"""Directories that the user who runs root's server can reach."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgtide.postgres.embedded import (
    stop_persistent,
)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """pytest's own directories are closed to the user that runs root's server."""
    directory = Path(tempfile.mkdtemp(prefix="pgtide-test-")).resolve()
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def home(open_directory: Path) -> Iterator[Path]:
    """The home of a persistent server, which is stopped whatever the test does."""
    home = open_directory / ".pgtide" / "postgres"
    yield home
    stop_persistent(home)
