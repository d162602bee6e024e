"""Installing the FVP, with an archive made here that has the shape of Arm's."""

import hashlib
import json
import tarfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from ocrm55.errors import InputError, ToolchainError
from ocrm55.simulators import find_simulator, fvp, fvp_install

INSTALLER = """#!/bin/sh
set -e
while [ $# -gt 0 ]; do
    case "$1" in
        --i-agree-to-the-contained-eula) agreed=yes ;;
        --no-interactive | -q) ;;
        --destination) shift; to="$1" ;;
        *) echo "unknown option $1"; exit 2 ;;
    esac
    shift
done
[ "$agreed" = yes ] || { echo "licence not accepted"; exit 3; }
mkdir -p "$to/models/Linux64_GCC-9.3" "$to/python/lib"
cat > "$to/models/Linux64_GCC-9.3/FVP_Corstone_SSE-300_Ethos-U55" <<'FVP'
#!/bin/sh
echo "Fast Models [11.27.42 (Dec  9 2024)] $LD_LIBRARY_PATH"
FVP
chmod +x "$to/models/Linux64_GCC-9.3/FVP_Corstone_SSE-300_Ethos-U55"
"""


def make_archive(folder: Path, installer: str | None = INSTALLER) -> Path:
    content = folder / "content"
    (content / "license_terms").mkdir(parents=True)
    (content / fvp_install.LICENCE).write_text("LICENCE OF THE STAND-IN")
    if installer is not None:
        (content / "FVP_Corstone_SSE-300.sh").write_text(installer)
    archive = folder / "FVP_Corstone_SSE-300_stand-in.tgz"
    with tarfile.open(archive, "w:gz") as whole:
        for path in sorted(content.iterdir()):
            whole.add(path, path.name)
    return archive


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without an FVP."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("FVP_PATH", raising=False)
    return tmp_path / "data" / "ocrm55" / "fvp"


def released(archive: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    md5 = hashlib.md5(archive.read_bytes()).hexdigest()
    monkeypatch.setattr(fvp_install, "release", lambda: fvp_install.Release(f"{url}/{archive.name}", md5))


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = make_archive(tmp_path)
    released(path, "http://127.0.0.1:9", monkeypatch)  # the discard port, where nothing listens
    return path


def test_installs_once_and_is_found_afterwards(place: Path, archive: Path) -> None:
    assert fvp.locate() is None
    shown: list[str] = []

    def accept(licence: str) -> bool:
        shown.append(licence)
        return True

    executable = fvp_install.install(accept, archive)
    assert shown == ["LICENCE OF THE STAND-IN"]
    assert fvp.locate() == executable
    assert executable.is_relative_to(place)
    board = find_simulator("fvp", None)
    assert board.version() == "11.27.42"
    assert board.environment()["LD_LIBRARY_PATH"].startswith(str(place / "python" / "lib"))
    assert fvp_install.install(lambda licence: pytest.fail("asked twice"), archive) == executable


def test_licence_that_is_refused_installs_nothing(place: Path, archive: Path) -> None:
    with pytest.raises(InputError, match="licence was not accepted"):
        fvp_install.install(lambda licence: False, archive)
    assert not place.exists()


def test_archive_with_another_checksum_is_refused(place: Path, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"x")
    with pytest.raises(InputError, match="MD5"):
        fvp_install.install(lambda licence: True, archive)
    assert not place.exists()


def test_a_forgery_of_the_same_md5_is_refused(place: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = fvp_install.release()
    forged = fvp_install.Release(genuine.url, genuine.md5, "0" * 64)
    monkeypatch.setattr(fvp_install, "release", lambda: forged)
    with pytest.raises(InputError, match="SHA-256"):
        fvp_install.install(lambda licence: True, archive)
    assert not place.exists()


def test_every_release_has_both_checksums() -> None:
    for known in fvp_install.RELEASES.values():
        assert len(known.md5) == 32 and known.sha256 is not None and len(known.sha256) == 64


def test_the_installation_says_what_it_was_made_of(place: Path, archive: Path) -> None:
    fvp_install.install(lambda licence: True, archive)
    record = json.loads((place / fvp_install.RECORD).read_text())
    assert record["sha256"] == hashlib.sha256(archive.read_bytes()).hexdigest()
    assert record["archive"].endswith(archive.name)


@pytest.mark.parametrize(
    ("installer", "error", "words"),
    [
        (None, InputError, "holds no FVP_Corstone_SSE-300.sh"),
        ("#!/bin/sh\necho no space left; exit 9\n", ToolchainError, "no space left"),
        ("#!/bin/sh\nexit 0\n", ToolchainError, "there is no FVP"),
    ],
)
def test_archives_that_do_not_install(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str | None, error: type, words: str
) -> None:
    archive = make_archive(tmp_path, installer)
    released(archive, "http://127.0.0.1:9", monkeypatch)
    with pytest.raises(error, match=words):
        fvp_install.install(lambda licence: True, archive)


def test_is_fetched_where_there_is_a_network(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = make_archive(tmp_path)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        released(archive, f"http://127.0.0.1:{server.server_address[1]}", monkeypatch)
        assert fvp_install.install(lambda licence: True).is_file()
        server.shutdown()


def test_no_network_says_how_to_do_without(place: Path, archive: Path) -> None:
    with pytest.raises(ToolchainError, match="could not be fetched") as trouble:
        fvp_install.install(lambda licence: True)
    assert any("--archive" in advice for advice in trouble.value.tries)


def test_machines_for_which_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fvp_install.platform, "system", lambda: "Darwin")
    with pytest.raises(ToolchainError, match="Darwin"):
        fvp_install.release()
