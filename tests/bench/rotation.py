"""Whose turn it is: every contender once a round, each round begun by another one."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def rotated(contenders: Sequence[T], rounds: int) -> Iterator[T]:
    """Give the turns of so many rounds: what drifts on the machine meets all of them alike."""
    for number in range(rounds):
        first = number % max(1, len(contenders))
        yield from contenders[first:]
        yield from contenders[:first]
