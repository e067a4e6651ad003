"""Any webhook: one JSON object for each notice, by POST."""

from http.client import HTTPException
from typing import Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from pgtide.notify.document import document
from pgtide.notify.mailbox import Act, Outcome, Rejected, Sent, Tell, Trouble
from pgtide.notify.notice import Subject
from pgtide.notify.retry_after import retry_after
from pgtide.settings import Settings

_SECONDS: Final = 10
_BROKEN: Final = 500
# Too early, too many: it may be taken later.
_LATER: Final = frozenset({408, 425, 429})
# Nobody is there, or nobody may: so will it be for the next one.
_FOR_GOOD: Final = frozenset({401, 403, 404, 410})


class Hook:
    """Post notices one by one; every failure is an outcome, none is raised."""

    name: Final = "The webhook"
    threaded: Final = False
    summed: Final = False

    def __init__(self, settings: Settings) -> None:
        self._url = settings.webhook or ""

    def send(self, act: Act, subject: Subject) -> Outcome:
        """Try once."""
        if not isinstance(act, Tell):
            return Sent()
        body = document(act.notices[0], subject, missed=act.missed).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "pgtide"}
        # Settings have seen to it that it is http or https.
        request = Request(self._url, data=body, headers=headers, method="POST")  # noqa: S310
        try:
            with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
                answer.read()
        except HTTPError as error:
            with error:
                return _judged(error.code, error.headers)
        except (HTTPException, OSError, ValueError) as error:
            return Trouble(why=f"no answer ({type(error).__name__})")
        return Sent()


def _judged(status: int, headers: object) -> Outcome:
    why = f"it answered with HTTP {status}"
    if status in _LATER or status >= _BROKEN:
        return Trouble(why=why, pause=retry_after(headers))
    return Rejected(why=why, for_good=status in _FOR_GOOD)
