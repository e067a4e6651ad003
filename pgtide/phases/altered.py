"""New columns that somebody gave another type: what was made for them would not fit any more."""

from pgtide.errors import Failed
from pgtide.ledger.run import Run
from pgtide.postgres.reflection import altered


def refuse_altered(run: Run) -> None:
    """Raise Failed where a new column is not of the type that it was made with."""
    found = altered(run.session, run.plan)
    if found:
        raise Failed(
            f"Somebody has altered what pgtide made for {run.plan.table}: {'; '.join(found)}.",
            state="Nothing was changed; the rows written so far are kept.",
            remedy=(
                "Give each column its declared type back (ALTER TABLE ... ALTER COLUMN ... TYPE), "
                "then run `pgtide up` to go on, or `pgtide down` to undo."
            ),
        )
