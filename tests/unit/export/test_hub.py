"""Fetching the official model, against a stand-in for Hugging Face on this machine: there is no network in tests."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ocrm55 import stages
from ocrm55.errors import InputError, OutputError, ToolchainError
from ocrm55.export import hub
from ocrm55.tasks.choice import task_of
from ocrm55.tasks.recognizer import sources
from ocrm55.tasks.recognizer.model import MODEL_NAME, OFFICIAL, RecognizerFolder

NOBODY = "http://127.0.0.1:9"  # the discard port, where nothing listens


class StandIn(ThreadingHTTPServer):
    """Speaks as much of Hugging Face's protocol as fetching a repository takes, and can fail on purpose."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = {path.name: path.read_bytes() for path in folder.glob("inference.*")}
        self.stated = dict(self.files)  # what the hashes are computed from
        self.repository = f"PaddlePaddle/{MODEL_NAME}"
        self.cut_off_after: int | None = None  # bytes of the weights after which the connection breaks
        self.served = 0  # bytes of the weights that were sent

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def _send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _json(self, value: object) -> None:
        self._send(json.dumps(value).encode(), Content_Type="application/json")

    def _entry(self, name: str) -> dict[str, object]:
        content = self.server.stated[name]
        entry = {"type": "file", "path": name, "size": len(content)}
        if name.endswith(".pdiparams"):
            sha256 = hashlib.sha256(content).hexdigest()
            return {**entry, "oid": "0" * 40, "lfs": {"oid": sha256, "size": len(content), "pointerSize": 100}}
        return {**entry, "oid": hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()}

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/{self.server.repository}/tree/"):
            self._json([self._entry(name) for name in self.server.files])
        elif (name := self.path.rpartition("/")[2]) in self.server.files:
            self._file(name)
        else:
            self._send(b"", 200 if self.path == "/" else 404)

    def _file(self, name: str) -> None:
        content = self.server.files[name]
        if not name.endswith(".pdiparams"):
            self._send(content)
            return
        start = int(re.sub(r"bytes=(\d+)-.*", r"\1", self.headers.get("Range", "bytes=0-")))
        stop = len(content) if self.server.cut_off_after is None else start + self.server.cut_off_after
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[start:stop])
        self.server.served += len(content[start:stop])
        if stop < len(content):
            self.close_connection = True


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of PaddleOCR's, and no host that can be reached."""
    from paddlex.inference.utils import official_models as hub

    monkeypatch.setattr(hub._ModelManager, "_save_dir", tmp_path / "official_models")
    monkeypatch.delenv("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", raising=False)
    for host in hub._ModelManager.hoster_candidates:
        monkeypatch.setattr(host, "healthcheck_url", NOBODY)
    return tmp_path / "official_models"


@pytest.fixture
def stand_in(model_dir: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    from paddlex.inference.utils import official_models as hub

    with StandIn(model_dir) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(hub._HuggingFaceModelHoster, "healthcheck_url", server.url)
        monkeypatch.setattr(hub, "HUGGING_FACE_ENDPOINT", server.url)
        yield server
        server.shutdown()


def test_fetches_once_and_exports(stand_in: StandIn, cache: Path, tmp_path: Path, model_dir: Path) -> None:
    model = sources.export("pp-ocrv3", tmp_path / "out")
    assert [file.read_bytes() for file in model.files] == [
        file.read_bytes() for file in RecognizerFolder(model_dir).files
    ]
    served = stand_in.served
    assert served == len(stand_in.files["inference.pdiparams"])
    sources.export("pp-ocrv3", tmp_path / "again")
    assert stand_in.served == served
    assert [path.name for path in cache.iterdir()] == [MODEL_NAME]


@pytest.mark.parametrize("name", ["PP-OCRv6_tiny_rec", "PP-OCRv6_small_rec", "en_PP-OCRv4_mobile_rec"])
def test_fetches_by_its_name(name: str, stand_in: StandIn, cache: Path, tmp_path: Path) -> None:
    """The whole way of `export --model NAME`; every file's hash is compared with the one that the host states."""
    stand_in.repository = f"PaddlePaddle/{name}"
    options = stages.Options(source=name, build_dir=tmp_path / "build")
    assert options.model_name == name
    assert task_of(name).name == "recognizer"
    assert RecognizerFolder(stages.model(options)).charset[1] == "0"
    assert sorted(json.loads((cache / name / "ocrm55-sha256.json").read_text())["sha256"]) == sorted(stand_in.files)
    stand_in.stated["inference.yml"] = stand_in.files["inference.yml"][:-1] + b" "
    shutil.rmtree(cache / name)
    with pytest.raises(InputError, match=r"inference\.yml arrived damaged"):
        sources.export(name, tmp_path / "again")


def test_every_name_is_one_that_paddleocr_fetches() -> None:
    from paddlex.inference.utils import official_models as hub

    for name in OFFICIAL.values():
        assert any(name in host.model_list for host in hub._ModelManager.hoster_candidates), name


def test_goes_on_where_it_stopped(stand_in: StandIn, cache: Path, tmp_path: Path) -> None:
    size = len(stand_in.files["inference.pdiparams"])
    stand_in.cut_off_after = 1_000_000
    with pytest.raises(ToolchainError, match="broke off after 1000000 of") as stop:
        sources.export("pp-ocrv3", tmp_path / "out")
    assert any("goes on where it stopped" in attempt for attempt in stop.value.tries)
    assert not (tmp_path / "out").exists()
    assert not (cache / MODEL_NAME).exists()
    stand_in.cut_off_after = None
    sources.export("pp-ocrv3", tmp_path / "out")
    assert stand_in.served == size


def test_another_host_is_asked_when_the_first_is_away(
    stand_in: StandIn, cache: Path, tmp_path: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from paddlex.inference.utils import official_models as hub

    archive = tmp_path / f"{MODEL_NAME}_infer.tar"
    with tarfile.open(archive, "w") as tar:
        for path in model_dir.glob("inference.*"):
            tar.add(path, f"{MODEL_NAME}_infer/{path.name}")
    stand_in.files[archive.name] = archive.read_bytes()
    monkeypatch.setattr(hub._HuggingFaceModelHoster, "healthcheck_url", NOBODY)
    monkeypatch.setattr(hub._BosModelHoster, "healthcheck_url", stand_in.url)
    monkeypatch.setattr(hub._BosModelHoster, "base_url", stand_in.url)
    model = sources.export("pp-ocrv3", tmp_path / "out")
    assert [file.read_bytes() for file in model.files] == [
        file.read_bytes() for file in RecognizerFolder(model_dir).files
    ]
    assert [path.name for path in cache.iterdir()] == [MODEL_NAME]


def test_damaged_on_the_way_is_refused(stand_in: StandIn, cache: Path, tmp_path: Path) -> None:
    weights = bytearray(stand_in.files["inference.pdiparams"])
    weights[1_000_000] ^= 1
    stand_in.files["inference.pdiparams"] = bytes(weights)
    with pytest.raises(InputError, match=r"inference\.pdiparams arrived damaged"):
        sources.export("pp-ocrv3", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert list(cache.iterdir()) == []


def test_damaged_in_the_cache_is_refused(stand_in: StandIn, cache: Path, tmp_path: Path) -> None:
    sources.export("pp-ocrv3", tmp_path / "out")
    with (cache / MODEL_NAME / "inference.pdiparams").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(InputError, match="has changed since it was fetched"):
        sources.export("pp-ocrv3", tmp_path / "again")


def test_no_network_is_one_sentence(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="none of its hosts") as stop:
        sources.export("pp-ocrv3", tmp_path / "out")
    assert "\n" not in stop.value.sentence
    assert any("--source bundled" in attempt for attempt in stop.value.tries)
    assert not (tmp_path / "out").exists()


def test_cache_that_cannot_be_written(cache: Path, tmp_path: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="official_models"):
        sources.export("pp-ocrv3", tmp_path / "out")


def test_a_home_that_cannot_be_written_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """PaddleX makes its folder as it is imported."""

    def imported(name: str) -> object:
        assert name.startswith("paddlex.")
        raise FileNotFoundError(2, "No such file or directory", "/proc/1/x/.paddlex")

    monkeypatch.setattr(importlib, "import_module", imported)
    with pytest.raises(OutputError, match=r"/proc/1/x/\.paddlex cannot be written") as refused:
        hub.fetch_official(MODEL_NAME)
    assert "PADDLE_PDX_CACHE_HOME" in refused.value.tries[0]
