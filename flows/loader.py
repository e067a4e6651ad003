"""Migration files: found, executed, and refused with the place of the mistake."""

import importlib.util
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from prefect import Flow

from pgtide.errors import InvalidMigration, PgtideError
from pgtide.model.migration import ID, Migration

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A migration file that can be run: its declaration, under its id, and the flow made of it."""

    id: str
    path: Path
    migration: Migration
    flow: Flow[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What a folder of migrations holds: files that can be run, and the errors of the others."""

    loaded: tuple[Loaded, ...]
    errors: tuple[InvalidMigration, ...]


def load_migrations(directory: Path) -> list[Loaded]:
    """Load a folder's migrations in the order of their ids; raises the first InvalidMigration."""
    folder = read_folder(directory)
    for error in folder.errors:
        raise error
    return list(folder.loaded)


def read_folder(directory: Path) -> Folder:
    """Load a folder's migrations in the order of their ids; a broken one does not hide the others.

    Files that begin with an underscore are no migrations. Raises InvalidMigration where there is no
    such folder.
    """
    refuse_folder(directory)
    loaded: list[Loaded] = []
    errors: list[InvalidMigration] = []
    for path in sorted(directory.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            one = load_migration(path)
            _refuse_twin(one, loaded)
        except InvalidMigration as error:
            errors.append(error)
        else:
            loaded.append(one)
    return Folder(loaded=tuple(loaded), errors=tuple(errors))


def refuse_folder(directory: Path) -> None:
    """Raise InvalidMigration where there is no such folder."""
    if not directory.is_dir():
        raise _invalid(
            f"There is no folder {directory} to read migrations from.",
            "Name it in PGTIDE_MIGRATIONS, or run the command where it is.",
        )


def load_migration(path: Path) -> Loaded:
    """Execute one migration file; raises InvalidMigration with the real error and its line."""
    if not ID.fullmatch(path.stem):
        raise _invalid(
            f"{path} is not named like a migration.",
            "Name it YYYYMMDD_HHMMSS_slug.py, in ASCII; a file that is no migration begins with _.",
        )
    module = _executed(path)
    migration = _found(module, "migration", Migration, path)
    flow = _found(module, "flow", Flow, path)
    return Loaded(id=path.stem, path=path, migration=replace(migration, id=path.stem), flow=flow)


def _executed(path: Path) -> ModuleType:
    name = f"pgtide_migration_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise _invalid(f"{path} cannot be read as Python.", "Mend the file.")
    module = importlib.util.module_from_spec(spec)
    # Classes that a file defines look their module up by name.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(path, error) from error
    return module


def _found(module: ModuleType, name: str, kind: type[_T], path: Path) -> _T:
    value = getattr(module, name, None)
    if isinstance(value, kind):
        return value
    what = "does not define" if value is None else f"has a {type(value).__name__} as"
    raise _invalid(
        f"{path} {what} `{name}`.",
        "Define `migration = Migration(...)` and `flow = migration_flow(migration)`.",
    )


def _broken(path: Path, error: BaseException) -> InvalidMigration:
    """Say what went wrong in a file and in which of its lines."""
    what = error.what if isinstance(error, PgtideError) else f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError) and _is(error.filename, path):
        lines = [error.lineno]
        what = f"{type(error).__name__}: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if _is(frame.filename, path)]
    place = f"{path}:{lines[-1]}" if lines else str(path)
    return _invalid(f"{place}: {what}", "Mend the file and run the command again.")


def _refuse_twin(one: Loaded, others: Sequence[Loaded]) -> None:
    for other in others:
        if other.migration.version == one.migration.version:
            raise _invalid(
                f"{one.path} and {other.path} both carry version {one.migration.version}.",
                "Give each migration a version of its own.",
            )


def _is(name: str | None, path: Path) -> bool:
    """Tell whether a file named by Python is this one; Python makes relative paths absolute."""
    return name is not None and Path(name).resolve() == path.resolve()


def _invalid(what: str, remedy: str) -> InvalidMigration:
    return InvalidMigration(what, state="Nothing was changed.", remedy=remedy)
