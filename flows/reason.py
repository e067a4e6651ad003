"""A person's reason, as it comes from a form of Prefect's or from a deployment's parameters."""

from typing import Annotated

from pydantic import AfterValidator


def given(reason: str | None) -> str | None:
    """Return a reason without what is around it; one of blanks is none."""
    return (reason or "").strip() or None


Reason = Annotated[str | None, AfterValidator(given)]
