"""Keep secrets out of everything that is printed or written to a file."""

import re
from typing import Final
from urllib.parse import unquote

_MASK: Final = "***"
# The password of any address, and of any connection string of keywords or query parameters.
_IN_URL: Final = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*):[^\s@/]+@", re.IGNORECASE)
_IN_WORDS: Final = re.compile(
    r"(\b(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&'\"]+)", re.IGNORECASE
)
# A shorter one than this is found by its place alone, and one that might be part of a word only
# where it stands by itself: else a password such as "a" would eat every text.
_TELLING: Final = 4
_LONG: Final = 12
_PASSWORD: Final = re.compile(r"://[^:/@]*:([^@]+)@")


def redacted(text: str, url: str | None = None) -> str:
    """Return a text with every password masked, that of `url` also where it stands alone."""
    for secret in sorted(_secrets(url), key=len, reverse=True):
        text = _found(secret).sub(_MASK, text)
    text = _IN_URL.sub(rf"\1:{_MASK}@", text)
    return _IN_WORDS.sub(rf"\1{_MASK}", text)


def _found(secret: str) -> re.Pattern[str]:
    raw = re.escape(secret)
    return re.compile(raw if len(secret) >= _LONG else rf"(?<!\w){raw}(?!\w)")


def _secrets(url: str | None) -> set[str]:
    found = _PASSWORD.findall(url or "")
    words = [match.group(2).strip("'") for match in _IN_WORDS.finditer(url or "")]
    return {one for raw in (*found, *words) for one in (raw, unquote(raw)) if len(one) >= _TELLING}
