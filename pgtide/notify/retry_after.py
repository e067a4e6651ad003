"""When a place wants to be asked again."""


def retry_after(headers: object) -> float | None:
    """Return the seconds that Retry-After asks for; None where it does not, or names a date."""
    if not hasattr(headers, "items"):
        return None
    found = {str(name).lower(): str(value) for name, value in headers.items()}
    text = found.get("retry-after", "").strip()
    return float(text) if text.isdigit() else None
