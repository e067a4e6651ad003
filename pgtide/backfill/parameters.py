"""The parameters of the statement that a batch fills rows with."""

from collections.abc import Sequence
from dataclasses import asdict

from pgtide.backfill.keyed import bounds
from pgtide.backfill.next_batch import Batch
from pgtide.ledger.lease import Lease


def parameters(lease: Lease, batch: Batch, kept: Sequence[str]) -> dict[str, object]:
    """Return a batch's range, the places that it leaves out, and the row that it puts aside."""
    share, below = batch.share or (None, None)
    found = {"low": batch.low, "high": batch.high, "share": share, "below": below}
    keys = {} if batch.keys is None else bounds(batch.keys)
    return {**found, **keys, "kept": list(kept), **_fault(lease, batch)}


def _fault(lease: Lease, batch: Batch) -> dict[str, object]:
    if batch.fault is None:
        return {}
    return {
        "id": lease.migration_id,
        "attempt": lease.attempt,
        "run": lease.run_id,
        "token": lease.token,
        **asdict(batch.fault),
    }
