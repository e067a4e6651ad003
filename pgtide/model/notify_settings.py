"""How the settings of notifications are read, without showing what is secret of them."""

from collections.abc import Iterator, Mapping


class Secret(ValueError):
    """Refuse a value that must not be shown."""


def log_format(text: str) -> str:
    """Read `text` or `json`; raises ValueError."""
    if text.lower() not in {"text", "json"}:
        raise ValueError("must be text or json")
    return text.lower()


def address(text: str) -> str:
    """Read an address of the web; raises ValueError."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    return text


def secret_address(text: str) -> str:
    """Read an address that is all it takes to post there; raises Secret."""
    try:
        return address(text)
    except ValueError as error:
        raise Secret(str(error)) from None


def incomplete(values: Mapping[str, object]) -> Iterator[str]:
    """Say what a bot lacks: a token without a channel, or the other way round."""
    if ("slack_token" in values) == ("slack_channel" in values):
        return
    have, lack = ("TOKEN", "CHANNEL") if "slack_token" in values else ("CHANNEL", "TOKEN")
    yield f"PGTIDE_SLACK_{have} is given without PGTIDE_SLACK_{lack}"
