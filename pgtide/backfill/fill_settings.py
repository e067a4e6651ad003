"""What a transaction that fills rows sets: where names are looked for, and whose triggers fire."""

from pgtide.model.plan import Plan
from pgtide.postgres.ddl import search_path


def fill_settings(plan: Plan) -> dict[str, str]:
    """Return the settings of a transaction that fills rows of a plan's table."""
    # The application's own triggers look for names where they fire.
    found = {"search_path": search_path(plan.table)}
    if plan.filling.user_triggers == "skip":
        # Ours are ENABLE ALWAYS.
        found["session_replication_role"] = "replica"
    return found
