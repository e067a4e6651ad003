"""The form of a run that waits at a gate.

No field has a default: the server takes an empty answer for one where all have. In a module without
postponed annotations, as flows/parameters.py.
"""

from typing import Annotated, Literal

from prefect.input import RunInput
from pydantic import Field, StringConstraints

# The server checks it before it takes the answer.
Said = Annotated[str, StringConstraints(pattern=r"\S")]


class GateAnswer(RunInput):
    """A person's decision on a gate."""

    decision: Literal["approve", "reject"] = Field(
        title="Decision", description="approve: the run goes on. reject: it ends, as things are."
    )
    name: Said = Field(title="Your name", description="Who decides; the audit keeps it.")
    reason: Said = Field(title="Reason", description="Why, for whoever reads the audit.")
