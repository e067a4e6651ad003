"""What a forked process has behind it: the engine, the command, and then Prefect with the flows."""

import sys
from importlib import import_module
from typing import Final


def _load(*names: str) -> None:
    for name in names:
        import_module(name)


_load("tests.scenarios.killed", "cli.main")
# The command by itself has not imported it: it is quick, and works where there is none.
COMMAND_ALONE: Final = "prefect" not in sys.modules
_load(
    "flows.delivery",
    "flows.later",
    "flows.loader",
    "flows.local_server",
    "flows.run",
    "tests.acceptance.flow_child",
    # The last one has no garbage looked for among what the others made.
    "tests.frozen",
)
