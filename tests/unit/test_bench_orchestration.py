"""When the bench says that Prefect costs too much, and when it cannot say so."""

from tests.bench.contenders import TWO_WORKERS
from tests.bench.contenders.inside_prefect import CONTROL, INSIDE, TWIN
from tests.bench.orchestration import Orchestrated
from tests.bench.orchestration_gates import gates
from tests.bench.task_runs import Counted


def broken(
    *,
    here: float = 2.0,
    by_runner: float = 3.0,
    counted: tuple[int, int] = (390, 220),
    inside: float = 6.2,
    twin: float = 6.0,
    control: float = 60.0,
) -> list[str]:
    """Return the first words of the claims that such figures do not bear out."""
    seconds = {TWO_WORKERS.name: 6.0, INSIDE: inside, TWIN.name: twin, CONTROL: control}
    walked: dict[str, tuple[float, ...]] = {name: (each,) * 5 for name, each in seconds.items()}
    measured = Orchestrated(
        here=(1.0, here),
        by_runner=((1.0, 9.0), (by_runner, 9.0)),
        counted=Counted(slices=counted[0], task_runs=counted[1]),
        rows=1,
        walked=walked,
        whole=walked,
    )
    return [" ".join(gate.claim.split()[:3]) for gate in gates(measured) if not gate.kept]


def test_each_figure_beyond_its_limit_breaks_its_own_claim() -> None:
    assert broken() == []
    assert broken(here=15.1) == ["the flow of"]
    assert broken(by_runner=15.1) == ["the flow of"]
    assert broken(counted=(390, 300)) == ["a table of"]
    assert broken(counted=(390, 0)) == ["a table of"]
    assert broken(counted=(290, 220)) == ["control: one task"]
    assert broken(inside=6.4) == ["a backfill inside"]
    assert broken(control=6.2) == ["control: with an"]


def test_noise_is_not_granted_and_too_much_of_it_is_no_verdict() -> None:
    # Two and a half in a hundred of noise.
    assert broken(inside=6.3, twin=6.15) == []
    assert broken(inside=6.45, twin=6.15) == ["a backfill inside"]
    assert broken(inside=6.0, twin=6.4) == ["a backfill inside"]
