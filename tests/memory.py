"""A folder in memory, for what a test makes and throws away.

To copy a database's few hundred small files is what most tests begin with: on a disk it takes ten
times as long.
"""

import functools
import os
import shutil
from pathlib import Path

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # the folder, not a file with a guessable name
# The servers of two workers hold some hundred MB each; a container often has but 64 MB there.
_ENOUGH = 4 * 2**30


@functools.cache
def memory() -> Path | None:
    """Return the folder, or None where there is too little room or TMPDIR is set."""
    if os.environ.get("TMPDIR"):
        return None
    there = _SHARED_MEMORY.is_dir() and os.access(_SHARED_MEMORY, os.W_OK | os.X_OK)
    return _SHARED_MEMORY if there and shutil.disk_usage(_SHARED_MEMORY).free > _ENOUGH else None
