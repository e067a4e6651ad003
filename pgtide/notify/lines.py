"""The log: one line of JSON for each notice."""

from collections.abc import Callable
from typing import Final

from pgtide.notify.document import document
from pgtide.notify.mailbox import Act, Outcome, Sent, Tell, Trouble
from pgtide.notify.notice import Subject


class Lines:
    """Write notices one by one."""

    name: Final = "The log"
    threaded: Final = False
    summed: Final = False

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write

    def send(self, act: Act, subject: Subject) -> Outcome:
        """Try once."""
        if not isinstance(act, Tell):
            return Sent()
        try:
            self._write(document(act.notices[0], subject, missed=act.missed) + "\n")
        except (OSError, ValueError) as error:
            return Trouble(why=f"it cannot be written ({type(error).__name__})")
        return Sent()
