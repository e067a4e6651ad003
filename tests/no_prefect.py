"""A Python that cannot import Prefect, as on the machine of somebody who has none."""

import sys
from importlib.machinery import ModuleSpec


class Blocked:
    """Refuse one package and all that is in it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        del path, target
        if name.partition(".")[0] == "prefect":
            raise ImportError("prefect is blocked in this process")
        return None


def forget() -> None:
    """Have nothing imported of Prefect, nor of what is made with it."""
    for name in list(sys.modules):
        if name.partition(".")[0] in {"prefect", "flows", "tasks"}:
            del sys.modules[name]


def block() -> None:
    """Refuse Prefect from now on; raises AssertionError where it is imported already."""
    assert "prefect" not in sys.modules, "the command imports Prefect before it is asked for it"
    sys.meta_path.insert(0, Blocked())
