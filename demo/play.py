"""What every chapter of the story needs: the stage, who is on it, and which scene is on."""

from dataclasses import dataclass
from typing import Final

from demo.cast import Cast
from demo.stage import Stage
from demo.timeline import Timeline
from demo.traffic import Load
from pgtide.errors import Failed
from pgtide.ledger.record import Record, find
from pgtide.ledger.schema import installed
from pgtide.postgres.session import Session, connect

# By its version; any unique part of its id would do.
MIGRATION: Final = "2.1.0"
ID: Final = "20251231_120000_email_verification_v2"
LOAD_A: Final = Load(rate=70)
LOAD_B: Final = Load(rate=50)
LOAD_C: Final = Load(rate=40)
# The backfill that nobody kills.
REFILL: Final = "the second backfill"
# The scenes in which a strong lock is taken on the table.
EXPAND: Final = "expand"
CONTRACT: Final = "contract"
UNDO: Final = "undo"
PURGE: Final = "purge"
LOCKED: Final = (EXPAND, CONTRACT, UNDO, PURGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The stage, the cast, and the scenes as they come."""

    stage: Stage
    cast: Cast
    timeline: Timeline

    def session(self) -> Session:
        """Open a session with the database."""
        return connect(self.stage.url, purpose="demo")

    def up(self, *, until: str | None = None) -> None:
        """Run `pgtide up`, as far as a phase or as far as it goes."""
        self.stage.commands.run("up", MIGRATION, *(("--until", until) if until else ()))


def record(session: Session) -> Record:
    """Return what the ledger knows of the migration; raises Failed where it knows nothing."""
    found = find(session, ID)
    if found is None:
        raise Failed(
            f"The ledger does not know {ID}.",
            state="The demo stops here and takes everything down.",
            remedy="See what `pgtide up` said above.",
        )
    return found


def state(stage: Stage) -> str:
    """Return the migration's state; `planned` before there is a ledger."""
    with connect(stage.url, purpose="demo") as session:
        found = find(session, ID) if installed(session) else None
        return found.state if found else "planned"
