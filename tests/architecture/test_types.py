"""Every type of the project is what it is said to be, by mypy's strict rules."""

import subprocess
import sys

import pytest

from tests.architecture.sources import ROOT


# Nothing is known yet in a fresh clone, and others are at work beside it.
@pytest.mark.timeout(900)
def test_every_type_is_right() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no issues found" in done.stdout
