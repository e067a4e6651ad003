"""A backfill whose process dies again and again ends as one in peace, and repeats nothing.

Five kills of a small table; `make bench ONLY=kills` has fifty of a big one.
"""

import random
from pathlib import Path

import pytest

from pgtide.postgres.embedded import Server
from tests.scenarios.child import carried_out
from tests.scenarios.killed import Order
from tests.scenarios.killed_often import killed_often
from tests.scenarios.lab import witnessed
from tests.server import fresh_database, name_of
from tests.table_state import table_state
from tests.users import create_users

# Every kill is a process of its own, and others may be at work on the machine.
pytestmark = pytest.mark.timeout(900)

KILLS = 5


def test_a_backfill_killed_at_random_moments_loses_and_repeats_nothing(
    server: Server, tmp_path: Path
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    with witnessed(server) as witness, fresh_database(server) as template:
        create_users(template, rows=10_000)
        with fresh_database(server, name_of(template)) as peaceful:
            assert carried_out(Order(url=peaceful, backups=str(tmp_path))).code == 0
            healthy = table_state(peaceful)
        with fresh_database(server, name_of(template)) as url:
            order = Order(url=url, witness=witness, backups=str(tmp_path), workers=2, pause_ms=5.0)
            survived = killed_often(order, KILLS, random.Random(seed))
            assert survived.problems == ()
            assert survived.kills == KILLS
            assert healthy.differences(table_state(url)) == []
