"""The one place that reads the environment: a frozen value, read once and passed on."""

import getpass
import math
import os
import pwd
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

from pgtide.errors import InvalidSettings
from pgtide.model.backfill import MOST_WORKERS
from pgtide.model.notify_settings import Secret, address, incomplete, log_format, secret_address
from pgtide.model.rate import LEAST_DUTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What pgtide is told by flags and environment.

    `database_url` is None where the embedded server serves.
    """

    database_url: str | None = field(default=None, repr=False)
    migrations_dir: Path = Path("migrations")
    home: Path = Path(".pgtide")
    postgres_bin: Path | None = None
    log_schema: str = "pgtide"
    actor: str = ""
    # The operating system's account and host, whatever the environment says.
    account: str = ""
    # Whether gates are for somebody else than who started the migration.
    four_eyes: bool = False
    prefect_api_url: str | None = None
    # The database of the Prefect server of `pgtide serve`; None: one on the embedded server.
    prefect_database_url: str | None = field(default=None, repr=False)
    # Where `pgtide serve` shows Prefect.
    port: int = 4200
    # A run whose heartbeat is older is taken over: ten beats missed.
    lease: timedelta = timedelta(seconds=10)
    heartbeat: timedelta = timedelta(seconds=1)
    lock_wait: timedelta = timedelta(milliseconds=150)
    lock_tries: int = 30
    # None: as the migration says.
    batch_target: timedelta | None = None
    duty: float | None = None
    # How many workers fill at once; None: as the migration says.
    workers: int | None = None
    # Of a batch that meets deadlocks and the like; a minute with their pauses.
    batch_retries: int = 30
    # How often the throttle looks at its signals, and for how long it bears not to see one: as long
    # as a restart of the server may take, and far less than a table takes to be ruined.
    throttle_every: timedelta = timedelta(seconds=1)
    throttle_patience: timedelta = timedelta(seconds=15)
    # Signals that this process does not watch: the way out of a hold that cannot be mended now.
    throttle_off: frozenset[str] = frozenset()
    # Whether `up` begins with a backup; contract needs one in any case.
    backup_first: bool = True
    # How old a backup may be that contract, or a second try, still relies on.
    backups_fresh: timedelta = timedelta(hours=24)
    backups_dir: Path = Path(".pgtide/backups")
    # A bad one is noticed at once, so the newest would do; the others are for second thoughts.
    backups_keep: int = 3
    # What pg_dump itself does; 0 is fastest and biggest.
    backups_compression: int = 6
    # pg_dump queues behind whoever alters a table, any table; half a minute outlasts careful DDL.
    backups_lock_wait: timedelta = timedelta(seconds=30)
    scratch_url: str | None = field(default=None, repr=False)
    # Free bytes on the server's disk, where it cannot be seen from here.
    disk_free: int | None = None
    # What a message calls this place: `production`.
    environment: str = ""
    # Where people reach Prefect's UI; None: as Prefect says, empty: nowhere that lasts.
    ui_url: str | None = None
    slack_token: str | None = field(default=None, repr=False)
    slack_channel: str | None = None
    # An incoming webhook's address is all that it takes to post there.
    slack_webhook: str | None = field(default=None, repr=False)
    slack_mention: str | None = None
    slack_api: str = "https://slack.com/api/"
    # Whoever has the address may post there.
    webhook: str | None = field(default=None, repr=False)
    log: str = "text"
    # Whether a command ends with 0 where a migration waits: for what takes the rest for a failure.
    waiting_ok: bool = False
    # Slack takes some 50 edits a minute, of all runs together.
    notify_every: timedelta = timedelta(seconds=5)
    # A hold that is shorter is nothing to wake a channel for: vacuum and checkpoints make such.
    notify_held_after: timedelta = timedelta(minutes=5)

    @property
    def url(self) -> str:
        """Return the target's address; raises InvalidSettings where none was given."""
        if not self.database_url:
            raise InvalidSettings(
                "No database was named.",
                state="Nothing was changed.",
                remedy=(
                    "Set DATABASE_URL, or start the embedded server with `pgtide postgres start`."
                ),
            )
        return self.database_url


_MILLISECONDS: Final = "milliseconds"
_PORTS: Final = 65_536


def _schema(text: str) -> str:
    if not text:
        raise ValueError("must name a schema")
    return text


def _span(text: str) -> timedelta:
    value = timedelta(milliseconds=float(text))
    if value <= timedelta(0):
        raise ValueError(f"must be a positive number of {_MILLISECONDS}")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not LEAST_DUTY <= value <= 1:
        raise ValueError(f"must be a share of the time, {LEAST_DUTY} to 1")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("must be at least 1")
    return value


def _megabytes(text: str) -> int:
    value = float(text)
    if not 0 <= value < math.inf:
        raise ValueError("must be a number of megabytes")
    return round(value * 1_000_000)


def _workers(text: str) -> int:
    value = _count(text)
    if value > MOST_WORKERS:
        raise ValueError(f"must be at most {MOST_WORKERS}")
    return value


def _port(text: str) -> int:
    value = int(text)
    if value not in range(1, _PORTS):
        raise ValueError(f"must be 1 to {_PORTS - 1}")
    return value


def _switch(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in known:
        raise ValueError("must be 1 or 0")
    return known[text.lower()]


def _names(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))


def _level(text: str) -> int:
    value = int(text)
    if value not in range(10):
        raise ValueError("must be 0 to 9")
    return value


# Environment name, field, how to read it. DATABASE_URL and PORT are bare: platforms set them so.
VARIABLES: Final[tuple[tuple[str, str, Callable[[str], object]], ...]] = (
    ("DATABASE_URL", "database_url", str),
    ("PREFECT_API_URL", "prefect_api_url", str),
    ("PGTIDE_PREFECT_DATABASE_URL", "prefect_database_url", str),
    ("PORT", "port", _port),
    ("PGTIDE_MIGRATIONS", "migrations_dir", Path),
    ("PGTIDE_HOME", "home", Path),
    ("PGTIDE_POSTGRES_BIN", "postgres_bin", Path),
    ("PGTIDE_LOG_SCHEMA", "log_schema", _schema),
    ("PGTIDE_ACTOR", "actor", str),
    ("PGTIDE_FOUR_EYES", "four_eyes", _switch),
    ("PGTIDE_LEASE_MS", "lease", _span),
    ("PGTIDE_HEARTBEAT_MS", "heartbeat", _span),
    ("PGTIDE_LOCK_WAIT_MS", "lock_wait", _span),
    ("PGTIDE_LOCK_TRIES", "lock_tries", _count),
    ("PGTIDE_BATCH_MS", "batch_target", _span),
    ("PGTIDE_DUTY", "duty", _share),
    ("PGTIDE_WORKERS", "workers", _workers),
    ("PGTIDE_BATCH_RETRIES", "batch_retries", _count),
    ("PGTIDE_THROTTLE_EVERY_MS", "throttle_every", _span),
    ("PGTIDE_THROTTLE_PATIENCE_MS", "throttle_patience", _span),
    ("PGTIDE_THROTTLE_OFF", "throttle_off", _names),
    ("PGTIDE_BACKUP_FIRST", "backup_first", _switch),
    ("PGTIDE_BACKUPS_FRESH_MS", "backups_fresh", _span),
    ("PGTIDE_BACKUPS", "backups_dir", Path),
    ("PGTIDE_BACKUPS_KEEP", "backups_keep", _count),
    ("PGTIDE_BACKUPS_COMPRESSION", "backups_compression", _level),
    ("PGTIDE_BACKUPS_LOCK_WAIT_MS", "backups_lock_wait", _span),
    ("PGTIDE_SCRATCH_URL", "scratch_url", str),
    ("PGTIDE_DISK_FREE_MB", "disk_free", _megabytes),
    ("PGTIDE_ENVIRONMENT", "environment", str),
    ("PGTIDE_UI_URL", "ui_url", address),
    ("PGTIDE_SLACK_TOKEN", "slack_token", str),
    ("PGTIDE_SLACK_CHANNEL", "slack_channel", str),
    ("PGTIDE_SLACK_WEBHOOK", "slack_webhook", secret_address),
    ("PGTIDE_SLACK_MENTION", "slack_mention", str),
    ("PGTIDE_SLACK_API", "slack_api", address),
    ("PGTIDE_WEBHOOK", "webhook", secret_address),
    ("PGTIDE_LOG", "log", log_format),
    ("PGTIDE_WAITING_OK", "waiting_ok", _switch),
    ("PGTIDE_NOTIFY_EVERY_MS", "notify_every", _span),
    ("PGTIDE_NOTIFY_HELD_AFTER_MS", "notify_held_after", _span),
)


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read settings; raises InvalidSettings that lists every bad value with its variable's name."""
    values: dict[str, object] = {"actor": _user(), "account": _account()}
    problems = []
    for variable, name, read in VARIABLES:
        text = environment.get(variable, "").strip()
        if not text:
            continue
        try:
            values[name] = read(text)
        except Secret as error:
            problems.append(f"{variable}: {error}")
        except ValueError as error:
            problems.append(f"{variable}={text!r}: {error}")
    problems += incomplete(values)
    if problems:
        raise InvalidSettings(
            "Settings that cannot be used: " + "; ".join(problems) + ".",
            state="Nothing was changed.",
            remedy="Correct them in the environment and run the command again.",
        )
    return Settings(**cast("dict[str, str]", values))  # type: ignore[arg-type]  # each value was read for its field


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container's user often has no name.
        return "unknown"


def _account() -> str:
    # Not getpass: it believes the environment.
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def load() -> Settings:
    """Read settings from this process's environment."""
    return from_environment(os.environ)


def for_client_program(**more: str) -> dict[str, str]:
    """Return this process's environment for a PostgreSQL client program, with variables added.

    A password in it is left out: it may be another server's, and would win over a passfile.
    """
    return {**{name: text for name, text in os.environ.items() if name != "PGPASSWORD"}, **more}


def for_runs(**more: str) -> dict[str, str]:
    """Return this process's environment for those that run flows, with variables added.

    What it says to Prefect is left out: it may be meant for another server.
    """
    ours = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    return {**ours, **more}


def inherited(**more: str) -> dict[str, str]:
    """Return this process's environment for a command of ours, with variables added."""
    return {**os.environ, **more}


def decline_tracking() -> None:
    """Ask the libraries of this process to tell their makers nothing, unless it says otherwise."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
