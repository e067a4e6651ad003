"""A free port on loopback, outside the range that the system hands out to outgoing connections.

Within that range a client that keeps knocking at a server which is down can be given the very port
it knocks at, connects to itself, and the server can never come back to its port.
"""

import secrets
import socket
from collections.abc import Callable, Iterator

LOOPBACK = "127.0.0.1"
# Below Linux's first ephemeral port (32768; macOS: 49152), above what services use by custom.
_LOWEST, _HIGHEST = 15_000, 32_000
_TRIES = 100


def free_ports(choose: Callable[[int], int] = secrets.randbelow) -> Iterator[int]:
    """Yield ports that were free a moment ago; another process may still be faster."""
    for _ in range(_TRIES):
        port = _LOWEST + choose(_HIGHEST - _LOWEST)
        if _is_free(port):
            yield port


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
