"""Where the kill matrix kills: derived from what an undisturbed run says of itself."""

import random
from collections import Counter
from dataclasses import dataclass, replace

from tests.scenarios.lab import Course

_BATCHES = 8
_MOMENTS = 3
# The process that goes on is killed as well, so often.
_AGAIN = 0.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where a process is killed: at the n-th event of a label, or `seconds` after it began."""

    label: str
    nth: int = 1
    seconds: float | None = None
    # Where the process that goes on is killed as well.
    again: tuple[str, int] | None = None

    def __str__(self) -> str:
        when = "" if self.seconds is None else f" + {self.seconds:.3f} s"
        return f"{self.label} #{self.nth}{when}"


def events(course: Course) -> list[Point]:
    """Return every event of the run but its batches."""
    seen: Counter[str] = Counter()
    found = []
    for label in course.labels:
        seen[label] += 1
        # A file that grows says so as often as there is time for it: once will do.
        if not label.startswith("Batch") and (seen[label] == 1 or "Grew" not in label):
            found.append(Point(label=label, nth=seen[label]))
    return found


def one_of_each(found: list[Point], chance: random.Random) -> list[Point]:
    """Return one point, by chance, of each two between which a process changes nothing."""
    kept: list[Point] = []
    for point in found:
        same = kept and kept[-1].label == same_as(point.label)
        if not same:
            kept.append(point)
        elif chance.random() < 0.5:
            kept[-1] = point
    return kept


def same_as(label: str) -> str:
    """Return the event that comes right before, with nothing between: the statement before ends."""
    kind, _, where = label.partition(":")
    step, _, number = where.rpartition(":")
    return f"StatementEnded:{step}:{int(number) - 1}" if kind == "StatementBegan" else ""


def points(course: Course, chance: random.Random) -> list[Point]:
    """Derive the points: the events of the run, some of its batches, some moments in between."""
    seen = Counter(course.labels)
    found = one_of_each(events(course), chance)
    batches = seen["BatchBegan"]
    for label in ("BatchBegan", "BatchCommitted"):
        some = sorted(chance.sample(range(1, batches + 1), min(_BATCHES // 2, batches)))
        found += [Point(label=label, nth=nth) for nth in some]
    found += [Point(label="RunBegan", seconds=chance.uniform(0, 0.4)) for _ in range(_MOMENTS)]
    return [
        replace(point, again=_again(course, batches, chance)) if chance.random() < _AGAIN else point
        for point in found
    ]


def _again(course: Course, batches: int, chance: random.Random) -> tuple[str, int]:
    if batches:
        return "BatchCommitted", chance.randint(1, batches)
    return chance.choice(course.labels), 1
