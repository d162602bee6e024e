"""Write files and folders whole or not at all: beside their place first, then renamed into it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ocrm55.errors import InputError, OutputError

# An unfinished file or folder has a name like `.NAME.ocrm55-XXXXXXXX`; nothing else in our folders has.
_MARK = ".ocrm55-"


def _prefix(destination: Path) -> str:
    return f".{destination.name[:60]}{_MARK}"


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed ocrm55 left unfinished in `folder`. Call it only when no other ocrm55 can write there."""
    for path in folder.glob(f".*{_MARK}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()


@contextmanager
def atomic_directory(destination: Path) -> Iterator[Path]:
    """Yield an empty folder beside `destination`; rename it over `destination` when the block ends without error.

    An older `destination` is replaced as a whole. A block that fails leaves nothing behind.
    Raises OutputError when the place cannot be written.
    """
    destination = Path(destination)
    if destination.exists() and not destination.is_dir():
        raise OutputError(f"{destination} is a file where a folder is to be written.", ["choose another folder"])
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=_prefix(destination), dir=destination.parent))
        staging.chmod(0o755)  # mkdtemp makes it private; the artifact gets the permissions that its parent gives
    except OSError as trouble:
        raise OutputError(
            f"{destination.parent} cannot be written: {trouble.strerror}.", ["choose another folder"]
        ) from trouble
    retired = staging.with_name(staging.name + ".old")
    try:
        yield staging
        if destination.exists():
            destination.rename(retired)
        staging.rename(destination)
    except OSError as trouble:
        raise OutputError(f"{destination} cannot be written: {trouble.strerror or trouble}.") from trouble
    finally:
        if retired.exists() and not destination.exists():  # interrupted between the two
            retired.rename(destination)
        shutil.rmtree(staging, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


@contextmanager
def atomic_file(destination: Path) -> Iterator[Path]:
    """Yield a path beside `destination` to write to; rename it over `destination` when the block ends without error."""
    destination = Path(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=_prefix(destination), dir=destination.parent)
        os.close(handle)
    except OSError as trouble:
        raise OutputError(
            f"{destination} cannot be written: {trouble.strerror}.", ["choose another place"]
        ) from trouble
    staging = Path(name)
    staging.chmod(0o644)
    try:
        yield staging
        staging.replace(destination)
    except OSError as trouble:
        raise OutputError(f"{destination} cannot be written: {trouble.strerror or trouble}.") from trouble
    finally:
        staging.unlink(missing_ok=True)


def write_text(destination: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_file(destination) as staging:
        staging.write_text(text, encoding="utf-8")


def write_json(destination: Path, value: object) -> None:
    """Write a JSON file that a person can read, whole or not at all."""
    write_text(destination, json.dumps(value, indent=2, sort_keys=False) + "\n")


def extract(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack an archive into `folder`. Raises tarfile.TarError if a member leads out of `folder`."""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
        return
    # Debian 12's Python 3.11.2 has no filters yet.
    root = folder.resolve()
    for member in archive.getmembers():
        inside = (root / member.name).resolve().is_relative_to(root)
        if not inside or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is no plain file within the archive")
    archive.extractall(folder)


def digest(paths: Iterable[Path], *values: object) -> str:
    """SHA-256 over the contents of files (folders are walked in name order) and the text of plain values.

    Raises InputError when one cannot be read.
    """
    total = hashlib.sha256()
    for path in paths:
        total.update(b"path\0")
        for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
            name = file.relative_to(path) if path.is_dir() else file.name
            total.update(os.fsencode(name) + b"\0")
            try:
                total.update(hashlib.sha256(file.read_bytes()).digest())
            except OSError as trouble:
                raise InputError(f"{file} cannot be read: {trouble.strerror}.") from trouble
    for value in values:
        total.update(repr(value).encode() + b"\0")
    return total.hexdigest()
