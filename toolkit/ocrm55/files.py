"""Write files and folders whole or not at all: beside their place first, then renamed into it."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from ocrm55 import plain_json, temporary
from ocrm55.errors import InputError, OutputError
from ocrm55.temporary import Unfinished, is_abandoned

# An unfinished file or folder has a name like `.NAME.ocrm55-XXXXXXXX`; nothing else in our folders has.
_MARK = ".ocrm55-"
_OLD = ".old"  # ... and what it replaces, for a moment
_MOST_REMOVED = 20  # unfinished ones that vanish, before the place itself is at fault
MOST_BYTES, MOST_TEXT = 2 << 30, 256 << 20  # of a file that is read whole
MOST_FILES = 20_000  # of a folder that a stage reads


def _prefix(destination: Path) -> str:
    return f".{destination.name[:60]}{_MARK}"


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed ocrm55 was writing in `folder`. Call it only where no other ocrm55 can be writing."""
    for path in folder.glob(f".*{_MARK}*"):
        _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _remove_dead(destination: Path) -> None:
    """Remove what killed processes were writing for `destination`; those that live hold a lock on it.

    A folder that had been set aside and not been replaced yet goes back to its place.
    """
    prefix = _prefix(destination)
    with suppress(OSError):
        for path in [path for path in destination.parent.iterdir() if path.name.startswith(prefix)]:
            with suppress(OSError):
                lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                try:
                    if not is_abandoned(lock):
                        continue
                    if path.name.endswith(_OLD) and not os.path.lexists(destination):
                        path.rename(destination)
                    else:
                        _remove(path)
                finally:
                    os.close(lock)


def _make(destination: Path, unfinished: Unfinished, *, folder: bool) -> Path:
    """A new file or folder beside `destination`, with the permissions that the umask leaves, and a lock on it.

    Raises FileNotFoundError where its folder takes none, as /proc does.
    """
    removed = 0  # by another ocrm55 that took them for abandoned, before they had their lock
    while True:
        path = destination.with_name(f"{_prefix(destination)}{secrets.token_hex(4)}")
        if os.path.lexists(path):  # another ocrm55's: not ours to remove
            continue
        unfinished.path = path
        try:
            if folder:
                path.mkdir()
            handle = os.open(
                path, os.O_RDONLY if folder else os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666
            )
        except FileExistsError:
            unfinished.path = None
            continue
        except FileNotFoundError:
            removed += 1
            if removed > _MOST_REMOVED or not destination.parent.is_dir():
                raise
            continue
        if unfinished.hold(handle, path):
            return path


def refuse_link(destination: Path) -> None:
    """Raise OutputError for a symbolic link: replacing it surprises its owner, following it others."""
    if destination.is_symlink():
        raise OutputError(
            f"{destination} is a link, which is neither followed nor replaced.",
            [f"name the place that it leads to: {os.path.realpath(destination)}", f"remove it: rm {destination}"],
        )


@contextmanager
def atomic_directory(destination: Path) -> Iterator[Path]:
    """Yield an empty folder beside `destination`; rename it over `destination` when the block ends without error.

    An older `destination` is replaced whole. Nothing is left behind when the block fails.
    Raises OutputError when the place cannot be written, or is a link.
    """
    destination = Path(destination)
    refuse_link(destination)
    if destination.exists() and not destination.is_dir():
        raise OutputError(f"{destination} is a file where a folder is to be written.", ["choose another folder"])
    unfinished, retired = Unfinished(), Unfinished()
    try:
        staging = _begin(destination, unfinished, folder=True)
        retired.path = staging.with_name(staging.name + _OLD)
        yield staging
        if destination.exists():
            destination.rename(retired.path)
        staging.rename(destination)
    except OSError as trouble:
        raise OutputError(f"{destination} cannot be written: {trouble.strerror or trouble}.") from trouble
    finally:
        if retired.path is not None and retired.path.exists() and not destination.exists():
            retired.path.rename(destination)  # interrupted between the two
        unfinished.remove()
        retired.remove()


@contextmanager
def atomic_file(destination: Path) -> Iterator[Path]:
    """Yield a path beside `destination` to write to; rename it over `destination` when the block ends without error.

    An older file's permissions stay; a new one gets those that the umask leaves. What leads out of the process, as
    /dev/stdout and /dev/null do, gets the bytes when the block ends.
    Raises OutputError when the place cannot be written, or is a link or no regular file.
    """
    destination = Path(destination)
    if _is_device(destination):
        with _through(destination) as staging:
            yield staging
        return
    refuse_link(destination)
    permissions = _permissions(destination)
    unfinished = Unfinished()
    try:
        staging = _begin(destination, unfinished, folder=False)
        yield staging
        if permissions is not None:
            staging.chmod(permissions)
        staging.replace(destination)
    except OSError as trouble:
        raise OutputError(f"{destination} cannot be written: {trouble.strerror or trouble}.") from trouble
    finally:
        unfinished.remove()


@contextmanager
def atomic_files(folder: Path) -> Iterator[Path]:
    """Yield an empty folder; move its files into `folder` when the block ends without error.

    `folder` may hold other files; those of the same names are replaced, so that all are of one run. When the block
    fails, none of them changes. Raises OutputError when the place cannot be written, or one of them is a link.
    """
    folder, unfinished = Path(folder), Unfinished()
    is_new, staging = not os.path.lexists(folder), folder
    try:
        staging = _begin(folder / "files", unfinished, folder=True)
        yield staging
        found = sorted(staging.iterdir())
        for each in found:
            refuse_link(folder / each.name)
            _permissions(folder / each.name)
        for each in found:
            each.replace(folder / each.name)
    except OutputError as trouble:
        raise OutputError(trouble.sentence.replace(str(staging), str(folder)), trouble.tries) from trouble
    except OSError as trouble:
        raise OutputError(f"{folder} cannot be written: {trouble.strerror or trouble}.") from trouble
    finally:
        unfinished.remove()
        if is_new:
            with suppress(OSError):  # it holds files
                folder.rmdir()


def check_place(destination: Path | None, *, folder: bool = False) -> None:
    """Raise OutputError, before any work, for a place that could not be written after it; None is no place.

    folder: whether files are written in it, with its link followed, instead of a file there.
    """
    if destination is None or (not folder and _is_device(destination)):
        return
    if not folder:
        refuse_link(destination)
        _permissions(destination)
    absolute = Path.cwd() / destination
    above = next(each for each in (*([absolute] if folder else []), *absolute.parents) if os.path.lexists(each))
    if not above.is_dir():
        raise OutputError(f"{destination} cannot be written: {above} is no folder.", ["choose another place"])
    unfinished = Unfinished()
    try:
        _make(above / destination.name, unfinished, folder=False)
    except OSError as trouble:
        raise OutputError(
            f"{destination} cannot be written: {above}: {trouble.strerror}.", ["choose another place"]
        ) from trouble
    finally:
        unfinished.remove()


def reason(folder: Path, trouble: OSError) -> str:
    """Why a folder cannot be made: of a link that leads nowhere the system only says that it exists."""
    link = next((each for each in (folder, *folder.parents) if each.is_symlink() and not each.exists()), None)
    return f"{link} is a link that leads nowhere" if link is not None else str(trouble.strerror)


def _begin(destination: Path, unfinished: Unfinished, *, folder: bool) -> Path:
    """What is written until it is whole, beside `destination`, whose folder is made. Raises OutputError."""
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        _remove_dead(destination)
        return _make(destination, unfinished, folder=folder)
    except OSError as trouble:
        place = "folder" if folder else "place"
        raise OutputError(
            f"{destination.parent} cannot be written: {reason(destination.parent, trouble)}.",
            [f"choose another {place}"],
        ) from trouble


def _permissions(destination: Path) -> int | None:
    """Of the regular file that is there; None where nothing is. Raises OutputError for anything else."""
    try:
        mode = destination.lstat().st_mode
    except OSError:
        return None
    if stat.S_ISDIR(mode):
        raise OutputError(f"{destination} is a folder where a file is to be written.", ["choose another place"])
    if not stat.S_ISREG(mode):
        raise OutputError(f"{destination} is not a regular file and is not replaced.", ["choose another place"])
    return stat.S_IMODE(mode)


def _is_device(destination: Path) -> bool:
    """Whether it is one of /dev that takes bytes: a terminal, a pipe that the shell has opened, /dev/null."""
    absolute = Path(os.path.normpath(Path.cwd() / destination))
    if not absolute.is_relative_to("/dev") and not absolute.is_relative_to("/proc"):
        return False
    try:
        mode = destination.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or (stat.S_ISREG(mode) and destination.is_symlink())


@contextmanager
def _through(destination: Path) -> Iterator[Path]:
    try:
        with temporary.folder() as place:
            staging = place / "output"
            yield staging
            with staging.open("rb") as source, destination.open("ab") as sink:
                shutil.copyfileobj(source, sink)
    except OSError as trouble:
        raise OutputError(f"{destination} cannot be written: {trouble.strerror or trouble}.") from trouble


def write_text(destination: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_file(destination) as staging:
        staging.write_text(text, encoding="utf-8")


def write_json(destination: Path, value: object) -> None:
    """Write a JSON file that a person can read, whole or not at all; a number that JSON does not have is null."""
    write_text(destination, json.dumps(plain_json.finite(value), indent=2, allow_nan=False) + "\n")


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


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file, of `most` bytes at the most: pipes and devices may never end.

    Raises InputError for another file, OSError for one that cannot be read.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"{path} is not a regular file.")
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size > most:
            raise InputError(f"{path} has more than {most:,} bytes.")
        content = file.read(most + 1)  # it may grow
        if len(content) > most:
            raise InputError(f"{path} has more than {most:,} bytes.")
        return content


def read_text(path: Path, most: int = MOST_TEXT, *, encoding: str = "utf-8", errors: str = "strict") -> str:
    """The text of a regular file; raises as `read_bytes` does, and UnicodeDecodeError. Line ends become line feeds."""
    text = read_bytes(path, most).decode(encoding, errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _files_below(folder: Path) -> list[Path]:
    """The regular files of a folder and those below it, in the order of their names. Raises InputError for too many."""
    found = sorted(islice((path for path in folder.rglob("*") if path.is_file()), MOST_FILES + 1))
    if len(found) > MOST_FILES:
        raise InputError(f"{folder} holds more than {MOST_FILES:,} files.")
    return found


def digest(paths: Iterable[Path], *values: object) -> str:
    """SHA-256 over the contents of files (folders are walked in name order) and the text of plain values.

    Raises InputError when one cannot be read, or holds more than MOST_FILES files or MOST_BYTES bytes.
    """
    total = hashlib.sha256()
    for path in paths:
        total.update(b"path\0")
        found = _files_below(path) if path.is_dir() else [path]
        if sum(file.stat().st_size for file in found if file.is_file()) > MOST_BYTES:
            raise InputError(f"{path} has more than {MOST_BYTES:,} bytes.")
        for file in found:
            name = file.relative_to(path) if path.is_dir() else file.name
            total.update(os.fsencode(name) + b"\0")
            if file.exists() and not file.is_file():  # reading a pipe would wait for ever
                raise InputError(f"{file} is not a regular file.")
            try:
                with file.open("rb") as stream:
                    total.update(hashlib.file_digest(stream, hashlib.sha256).digest())
            except OSError as trouble:
                raise InputError(f"{file} cannot be read: {trouble.strerror}.") from trouble
    for value in values:
        total.update(repr(value).encode() + b"\0")
    return total.hexdigest()
