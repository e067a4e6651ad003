"""One backfill whose process is killed again and again, at random moments, and always goes on.

Each life writes the batches that it begins to a witness in another database, before it begins
them. So it can be told whether one began what the ledger knew as committed when the life before had
ended.
"""

import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import psycopg

from tests.scenarios.child import carried_out, started
from tests.scenarios.killed import Order
from tests.scenarios.ledger_truth import begun, disagreements, places, repeated

# All that the backfill has to fill; the last of it may be gone before a process can be killed.
_OUT: Final = """
SELECT count(*) FROM public.users
 WHERE email_verified IS NOT NULL OR verification_token IS NOT NULL
"""
_FILLED: Final = "SELECT coalesce(sum(rows), 0) FROM pgtide.slice"
_REACH: Final = 0.95
# Beyond the row that a kill waits for: within a batch, at a commit, or between two.
_BLUR: Final = 0.03
_PATIENCE: Final = 60.0
_PAUSE: Final = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Survived:
    """How many kills there were, what was begun in all lives, and everything that is wrong."""

    kills: int
    batches: int
    problems: tuple[str, ...]


def killed_often(
    order: Order, kills: int, chance: random.Random, say: Callable[[str], None] = print
) -> Survived:
    """Kill an order's process so often on its way through the table; let the last one end it."""
    total = _number(order.url, _OUT)
    goals = sorted(chance.uniform(0, total * _REACH) for _ in range(kills))
    problems: list[str] = []
    batches = killed = 0
    for number, goal in enumerate(goals, start=1):
        known, life = places(order.url), replace(order, run=uuid.uuid4().hex)
        killed += _killed(life, goal, blur=chance.uniform(0, _BLUR))
        batches += _judge(life, known, problems)
        say(f"kill {number} of {kills}, {_filled(order.url):,} of {total:,} rows filled")
    known, life = places(order.url), replace(order, run=uuid.uuid4().hex)
    ended = carried_out(life)
    batches += _judge(life, known, problems)
    if ended.code != 0:
        problems.append(f"the last process failed: {ended}")
    problems += disagreements(order.url)
    return Survived(kills=killed, batches=batches, problems=tuple(problems))


def _killed(order: Order, goal: float, *, blur: float) -> bool:
    """Kill a process when so many rows are filled; tell whether it still ran.

    One that begins beyond its goal, because the life before came that far, dies early.
    """
    with started(order) as child, psycopg.connect(order.url, autocommit=True) as watch:
        child.wait_for("RunBegan")
        deadline = time.monotonic() + _PATIENCE
        while child.runs() and _there(watch) < goal:
            assert time.monotonic() < deadline, f"it does not come to {goal:,.0f} rows"
            time.sleep(_PAUSE)
        time.sleep(blur)
        child.kill()
        return child.finish().code < 0


def _judge(life: Order, known: dict[int, tuple[int, int]], problems: list[str]) -> int:
    assert life.witness is not None
    later = begun(life.witness, life.run)
    problems += repeated(known, later)
    return len(later)


def _there(watch: psycopg.Connection[tuple[int, ...]]) -> int:
    found = watch.execute("SELECT to_regclass('pgtide.slice') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return 0
    [rows] = watch.execute(_FILLED.encode()).fetchone() or (0,)
    return int(rows)


def _filled(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as watch:
        return _there(watch)


def _number(url: str, query: str) -> int:
    with psycopg.connect(url, autocommit=True) as watch:
        [number] = watch.execute(query.encode()).fetchone() or (0,)
        return int(number)
