"""What others have made, changed or dropped since, looked at before an undo or purge changes it."""

from pgtide.errors import Refused
from pgtide.ledger import hanging
from pgtide.ledger.record import Record
from pgtide.postgres.session import Session


class InTheWay(Refused):
    """Refuse an undo because it would fail at others' objects, or take back what they did."""


def refuse_in_the_way(session: Session, record: Record, *, whole: bool) -> None:
    """Raise InTheWay where others' objects are in the way of undoing contract, or the whole."""
    touched = hanging.touched(session, record.id)
    obstacles = hanging.obstacles(session, record.id, whole=whole)
    if not touched and not obstacles:
        return
    remedies = [
        *(["Put back as it was what is gone or changed."] if touched else []),
        *(["Drop or move what is in the way."] if obstacles else []),
    ]
    command = f"pgtide down {record.version}" + ("" if whole else " --to verified")
    raise InTheWay(
        f"{record.id} cannot be undone: {'; '.join([*touched, *obstacles])}.",
        state="Nothing was taken back.",
        remedy=f"{' '.join(remedies)} Then run `{command}` again.",
    )
