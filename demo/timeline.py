"""Which scene was on at a moment: so that a long wait can be told where it belongs."""

import time
from bisect import bisect_right


class Timeline:
    """Remember when each scene began, in monotonic seconds."""

    def __init__(self) -> None:
        self._scenes: list[tuple[float, str]] = []

    def begin(self, scene: str) -> float:
        """Begin a scene; return the moment."""
        moment = time.monotonic()
        self._scenes.append((moment, scene))
        return moment

    def at(self, moment: float) -> str:
        """Return the scene of a moment."""
        index = bisect_right([begun for begun, _ in self._scenes], moment) - 1
        return self._scenes[max(index, 0)][1]
