"""The databases of a service: the target, and Prefect's own.

Where one is not named in the settings, the embedded server has it: it is started if need be.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flows.service.place import Place
from pgtide.postgres.embedded import ServerOptions, start_persistent
from pgtide.postgres.prefect_database import ensure_database, ensure_extension, for_prefect
from pgtide.postgres.session import connect
from pgtide.settings import Settings

# Prefect's, on the embedded server.
DATABASE: Final = "prefect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where the target is, and where Prefect keeps its own; both hold a password."""

    target: str = field(repr=False)
    prefect: str = field(repr=False)


def embedded(settings: Settings) -> bool:
    """Tell whether the embedded server is needed."""
    return not (settings.database_url and settings.prefect_database_url)


def open_storage(place: Place, settings: Settings, furnish: Callable[[str], None]) -> Storage:
    """Return both databases, ready; `furnish` gets the embedded target's address.

    Raises Refused where one cannot be reached.
    """
    target, own = settings.database_url, settings.prefect_database_url
    if target:
        with connect(target, purpose="serve"):
            pass
    if embedded(settings):
        server = start_persistent(place.postgres, ServerOptions(bin_dir=settings.postgres_bin))
        if not own:
            ensure_database(server.url, DATABASE)
            own = server.database_url(DATABASE)
        if not target:
            target = server.url
            furnish(target)
    assert target and own  # noqa: S101, PT018  # for the type checker: the embedded server has what was not named
    prefect = for_prefect(own)
    ensure_extension(own)
    return Storage(target=target, prefect=prefect)
