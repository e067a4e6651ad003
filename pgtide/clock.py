"""Time comes in through the door: nothing in the engine sleeps or reads a clock by itself."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Give monotonic seconds, the present time, sleep and chance."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Jitter spreads retries; it is no secret.
    chance: Callable[[], float] = field(default=random.random)
    # What a window takes the database's clock to say: a test moves it from night to night.
    database: Callable[[datetime], datetime] = field(default=lambda at: at)

    def now(self) -> datetime:
        """Return the present time in UTC; leases and windows use the database's clock instead."""
        return datetime.now(UTC)


SYSTEM_CLOCK = Clock()
