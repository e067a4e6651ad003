"""The files of a backup: for their owner alone, whole on the disk, known by their SHA-256."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pgtide.errors import Refused
from pgtide.ledger.backups import BackupFile, BackupRecord
from pgtide.postgres.client import unwritable

MANIFEST: Final = "manifest.json"
_OWNER_ONLY: Final = 0o700
_CHUNK: Final = 1 << 20

Take = Callable[[bytes], None]


def make_folder(folder: Path) -> None:
    """Create a backup's directory, and those above it, for this user alone."""
    try:
        # `parents` makes what is missing with the usual rights, so each of ours is made by name.
        for above in (folder.parent.parent, folder.parent):
            above.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
        folder.mkdir(mode=_OWNER_ONLY)
    except OSError as error:
        raise Refused(
            f"{folder} cannot be created: {error.strerror}.",
            state="Nothing was changed.",
            remedy="Name a directory of yours in PGTIDE_BACKUPS.",
        ) from error


def write(
    path: Path, produce: Callable[[Take], None], *, tell: Callable[[int], None]
) -> BackupFile:
    """Write what a program produces; the SHA-256 is that of the bytes as they came from it.

    `tell` hears the size so far. Raises Failed where the disk does not take it.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:

            def take(chunk: bytes) -> None:
                nonlocal size
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                tell(size)

            produce(take)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise unwritable(path, error) from error
    return BackupFile(name=path.name, sha256=digest.hexdigest(), bytes=size)


def write_manifest(folder: Path, found: BackupRecord) -> None:
    """Say beside the dumps what they are, for the day when the ledger is lost too."""
    known = found.content
    text = json.dumps(
        {
            "migration": found.migration_id,
            "table": str(found.table),
            "taken_at": found.taken_at.isoformat(),
            "server_version": found.server_version,
            "client_version": found.client_version,
            "rows": known.rows if known else None,
            "hashes": known.hashes if known else None,
            "old_shape": found.old_shape,
            "files": [{"name": f.name, "sha256": f.sha256, "bytes": f.bytes} for f in found.files],
        },
        indent=2,
    )
    write(folder / MANIFEST, lambda take: take(text.encode()), tell=lambda _: None)


def damage(folder: Path, files: tuple[BackupFile, ...]) -> str | None:
    """Read all files and say which is not what was written, or None."""
    for file in files:
        path = folder / file.name
        try:
            size, found = path.stat().st_size, _sha256(path)
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        if size != file.bytes:
            return f"{path} has {size:,} bytes, and was written with {file.bytes:,}"
        if found != file.sha256:
            return f"{path} has the SHA-256 {found}, and was written with {file.sha256}"
    return None


def remove(folder: Path, *, inside: Path) -> bool:
    """Remove a backup's directory; leaves alone what is not inside the directory of backups."""
    if inside.resolve() not in folder.resolve().parents:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
