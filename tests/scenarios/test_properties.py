"""Whatever the table, the change and the writers: nothing is lost, nothing is left over."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pgtide.postgres.embedded import Server
from tests.scenarios.drawn.case import Case, cases
from tests.scenarios.drawn.play import play
from tests.server import fresh_database

PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)


@pytest.mark.timeout(3600)
@settings(
    max_examples=20,
    phases=PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(case=cases())
def test_no_write_is_lost_and_nothing_is_left_over(server: Server, case: Case) -> None:
    with fresh_database(server) as url:
        play(url, case)
