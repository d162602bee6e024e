"""Fetch and install Arm's Corstone-300 FVP: Arm's archive, checked, under Arm's licence, which the user accepts.

Source of address and MD5: the set-up script of ExecuTorch's Arm back end (examples/arm), which Arm maintains. Source of
SHA-256: the recipe fvp-corstone300.bb of Yocto's layer meta-arm, for the same addresses. Arm's page publishes neither.
"""

from __future__ import annotations

import hashlib
import platform
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ocrm55 import console, files, processes, temporary
from ocrm55.download import download
from ocrm55.errors import InputError, ToolchainError
from ocrm55.simulators import fvp

VERSION = "11.27_42"
LICENCE = "license_terms/license_agreement.txt"  # within the archive and the installation
RECORD = "ocrm55-archive.json"  # within the installation: what it was made of
_INSTALLER = "FVP_Corstone_SSE-300.sh"
_SERVER = "https://developer.arm.com/-/cdn-downloads/permalink/FVPs-Corstone-IoT/Corstone-300"


@dataclass(frozen=True)
class Release:
    """An archive of Arm's: its address and its checksums. MD5 finds damage but no forgery; SHA-256 finds both."""

    url: str
    md5: str
    sha256: str | None = None

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


RELEASES = {
    "x86_64": Release(
        f"{_SERVER}/FVP_Corstone_SSE-300_{VERSION}_Linux64.tgz",
        "0dc9538041296b8d479249e6fa5aab74",
        "6dfba80132b38a6c281948b12724dd0f8568572d56e549c73566275c4f273849",
    ),
    "aarch64": Release(
        f"{_SERVER}/FVP_Corstone_SSE-300_{VERSION}_Linux64_armv8l.tgz",
        "74e7952817b338c8479bcf66874b23e0",
        "32a5e84d5f5e39c2832beda5747b2cba0deafee1ac8e3909d7c3fbcad844d031",
    ),
}


def release() -> Release:
    """The archive for this machine. Raises ToolchainError if Arm has none."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in RELEASES:
        raise ToolchainError(
            f"Arm has no Corstone-300 FVP for {platform.system()} on {machine}.", ["run on QEMU: --simulator qemu"]
        )
    return RELEASES[machine]


def install(accept: Callable[[str], bool], archive: Path | None = None, destination: Path | None = None) -> Path:
    """Install the FVP and return its executable. An FVP that is already installed stays.

    accept: shows the user the licence's text and returns whether the user accepts it. archive: Arm's .tgz, fetched when
    None. destination: the folder to install to; when None, the default folder where `locate` looks.
    Raises ToolchainError when the archive cannot be fetched or its installer fails, InputError for a damaged archive
    or a licence that is not accepted.
    """
    place = destination or fvp.installation()
    if found := fvp.within(place):
        return found
    wanted = release()
    with temporary.folder() as unpacked:
        source = archive or _fetch(wanted)
        _check(source, wanted)
        _unpack(source, unpacked)
        licence = unpacked / LICENCE
        if not accept(licence.read_text(errors="replace") if licence.is_file() else f"Arm's licence for {wanted.name}"):
            raise InputError("the FVP's licence was not accepted, so nothing was installed.")
        with files.atomic_directory(place) as staging:
            _run_installer(unpacked, staging)
            checksums = {name: _digest(source, name) for name in ("sha256", "md5")}
            files.write_json(staging / RECORD, {"archive": wanted.url, **checksums})
    found = fvp.within(place)
    if found is None:
        raise ToolchainError(f"Arm's installer ended well, but there is no FVP in {place}.", ["see fvp/README.md"])
    return found


def _fetch(wanted: Release) -> Path:
    """The archive in the cache; fetched if it is not complete yet."""
    cache = fvp.installation().with_name("fvp-archive")
    archive = cache / wanted.name
    if archive.is_file() and _digest(archive, "md5") == wanted.md5:
        return archive
    console.stage("fetch", f"{wanted.url} -> {archive}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        download(wanted.url, archive)
    except OSError as trouble:
        raise ToolchainError(
            f"the FVP could not be fetched from {wanted.url}: {trouble}.",
            ["run the same command again; it goes on where it stopped",
             f"fetch {wanted.name} on another machine and name it: ocrm55 fvp install --archive FILE"],
        ) from trouble  # fmt: skip
    return archive


def _check(archive: Path, wanted: Release) -> None:
    if not archive.is_file():
        raise InputError(f"there is no archive {archive}.")
    for name, known in (("md5", wanted.md5), ("sha256", wanted.sha256)):
        found = _digest(archive, name) if known else None
        if found != known:
            words = "MD5" if name == "md5" else "SHA-256"
            raise InputError(
                f"{archive} is not {wanted.name}: its {words} is {found}, Arm's is {known}.",
                [f"remove it and fetch it again: rm {archive}"],
            )


def _digest(file: Path, name: str) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, name).hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive) as whole:
            files.extract(whole, folder)
    except (tarfile.TarError, OSError) as trouble:
        raise InputError(f"{archive} cannot be unpacked: {trouble}.") from trouble
    if not (folder / _INSTALLER).is_file():
        raise InputError(f"{archive} holds no {_INSTALLER}.", ["see fvp/README.md for the right archive"])


def _run_installer(unpacked: Path, destination: Path) -> None:
    script = unpacked / _INSTALLER
    script.chmod(0o755)
    # The user has accepted the licence, and the installer gets this answer; it asks nothing.
    flags = ["--i-agree-to-the-contained-eula", "--no-interactive", "--destination", str(destination), "-q"]
    console.note_command([str(script), *flags])
    done = processes.completed([str(script), *flags], cwd=unpacked)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()
        raise ToolchainError(
            f"Arm's installer failed with status {done.returncode}: {last[-1] if last else 'it did not say why'}."
        )
