"""What a purge would drop for good, said before it is done."""

from collections.abc import Iterator

from pgtide.changes.replacement import PRIVATE
from pgtide.model.plan import Plan


def losses(plan: Plan) -> Iterator[str]:
    """Say what goes for good, and who must be gone before."""
    retired = [one.retired for one in plan.replacements]
    if retired:
        yield f"- {plan.table} loses {', '.join(retired)}: the columns of the old shape."
    originals = [twin.retired for twin in plan.twins if twin.name]
    if originals:
        yield f"- With them go what they had: {', '.join(originals)}."
    if plan.sync is not None:
        yield "- The triggers and functions that keep both shapes in step go."
    successors = {one.new for one in plan.replacements}
    added = [name for name, _ in plan.expected.columns if name not in successors]
    if added:
        yield f"- A release that does not write {', '.join(added)} leaves that empty from then on."
    shared = [name for name in retired if not name.startswith(PRIVATE)]
    if shared:
        yield f"- A release that uses {', '.join(shared)} fails from then on: it must be gone."
    yield "- `pgtide down` and safe_rollback_migration have no way back any more."
