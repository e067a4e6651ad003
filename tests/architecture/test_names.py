"""A module is named like the one thing that is in it, not like a drawer."""

from pathlib import PurePath

from tests.architecture.sources import ROOT, python_files

DRAWERS = ("base", "common", "helper", "helpers", "manager", "misc", "util", "utils")


def is_drawer(path: PurePath) -> bool:
    names = (*path.parts[:-1], path.stem)
    return any(name.lower() in DRAWERS or name.lower().endswith(SUFFIXES) for name in names)


SUFFIXES = tuple(f"_{drawer}" for drawer in DRAWERS if drawer != "base")


def test_no_module_or_package_is_a_drawer() -> None:
    paths = [path.relative_to(ROOT) for path in python_files()]
    offenders = [str(path) for path in paths if is_drawer(path)]
    assert not offenders, "\n".join(offenders)


def test_a_drawer_is_found_by_file_folder_and_suffix() -> None:
    for name in ("pgtide/utils.py", "pgtide/common/session.py", "tests/lock_helpers.py"):
        assert is_drawer(PurePath(name)), name
    for name in ("pgtide/phases/expand.py", "demo/database.py", "tests/conftest.py"):
        assert not is_drawer(PurePath(name)), name
