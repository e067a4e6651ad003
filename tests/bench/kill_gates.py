"""What is claimed of a backfill that is killed again and again."""

from tests.bench.gate import Gate
from tests.bench.kills import Killed


def gates(killed: Killed) -> tuple[Gate, ...]:
    """Return every claim with its verdict."""
    survived = killed.survived
    repeated = [one for one in survived.problems if one.startswith("repeated")]
    wrong = [one for one in survived.problems if one not in repeated] + [*killed.differences]
    return (
        Gate(
            claim=f"a backfill of {killed.rows:,} rows is killed {killed.wanted} times on its way",
            kept=survived.kills == killed.wanted,
            measured=f"{survived.kills} times, with seed {killed.seed}",
        ),
        Gate(
            claim="no committed batch is repeated",
            kept=not repeated,
            measured=_named(repeated, f"{survived.batches:,} batches were begun in all lives"),
        ),
        Gate(
            claim="its end is that of a backfill in peace, and what the ledger says is so",
            kept=not wrong,
            measured=_named(wrong, "no difference"),
        ),
    )


def _named(problems: list[str], otherwise: str) -> str:
    return f"{len(problems)}, the first: {problems[0]}" if problems else otherwise
