"""The files of this checkout, as the architecture tests see them."""

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("cli", "demo", "migrations", "flows", "tasks", "pgtide")
MADE_BY_TOOLS = frozenset({"__pycache__", "build", "dist", "backups", "pgtide.egg-info"})
# Every other hidden folder belongs to a tool: .git, .venv, caches.
HIDDEN_BUT_OURS = frozenset({".ci", ".github"})


def is_ours(folder: str) -> bool:
    """Tell the project's folders from those that tools make."""
    if folder.startswith("."):
        return folder in HIDDEN_BUT_OURS
    return folder not in MADE_BY_TOOLS


def project_files() -> Iterator[Path]:
    """Walk the checkout without git: it may be missing, or refuse another user's checkout."""
    for folder, subfolders, names in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if is_ours(name)]
        yield from (Path(folder, name) for name in names)


def python_files() -> list[Path]:
    """Give every Python file of the project, tests included."""
    return sorted(path for path in project_files() if path.suffix == ".py")


def texts() -> Iterator[tuple[str, str]]:
    """Give every text file with its path from the root; what is not UTF-8 is no text."""
    for path in sorted(project_files()):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield str(path.relative_to(ROOT)), text
