"""The tests leave no folder of Prefect's behind, in one process and side by side."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

QUICK = "tests/unit/test_gate.py"


@pytest.mark.parametrize("workers", ["0", "2"])
def test_each_process_removes_the_folder_that_it_made(tmp_path: Path, workers: str) -> None:
    kept = {name: text for name, text in os.environ.items() if "PREFECT_HOME" not in name}
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers, QUICK],
        cwd=ROOT,
        env={**kept, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    assert list(tmp_path.glob("pgtide-prefect-*")) == []
