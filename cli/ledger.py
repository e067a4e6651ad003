"""The way from what a person typed to a migration's record, through the ledger alone."""

from pgtide.errors import Refused
from pgtide.ledger.record import Record, every
from pgtide.operate.declared import declarations
from pgtide.operate.find import Candidate, find_id
from pgtide.postgres.session import Session
from pgtide.settings import Settings


def candidates(session: Session, settings: Settings) -> dict[str, Candidate]:
    """Return every migration that can be meant, whether it has begun or is only a file."""
    files = {one.id: one.version for one in declarations(settings.migrations_dir)}
    begun = {record.id: record.version for record in every(session)}
    return {id: Candidate(id=id, version=version) for id, version in {**files, **begun}.items()}


def record_of(session: Session, settings: Settings, wanted: str) -> Record:
    """Return the record that is meant; raises Refused where it has not begun."""
    migration_id = find_id(wanted, list(candidates(session, settings).values()))
    for record in every(session):
        if record.id == migration_id:
            return record
    raise Refused(
        f"{migration_id} has not begun: this database's ledger does not know it.",
        state="Nothing was changed.",
        remedy=f"`pgtide up {migration_id}` begins it.",
    )
