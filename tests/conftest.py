"""What many tests share: the bundled model, the sample images, and recognizers that are loaded once a session."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.once import Once

if TYPE_CHECKING:
    import numpy as np

    from ocrm55.compiler.onnx_graph.graph import Graph
    from ocrm55.tasks.recognizer.inference import PaddleRecognizer

# Before anything imports NumPy: workers and simulators take all cores, and threads that wait for each other cost more
# than the products that they share.
for _library in ("OMP", "OPENBLAS", "TVM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
# Before anything imports Paddle: no narration, and no look for model hosts in the network.
os.environ.setdefault("GLOG_minloglevel", "2")
os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def commands_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undoes what a test's command said of this process: `bench` leaves out the lines of external commands."""
    from ocrm55 import console

    monkeypatch.setattr(console, "_commands_are_told", True)
    monkeypatch.setattr(console, "_verbose", False)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes a thing in one worker for all; see tests/once.py."""
    return Once.of_session(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def calibrated_once(once: Once) -> Iterator[None]:
    """Keeps the histograms of a network on its images: most of the time of a compilation in int8.

    Tests compile the bundled network for another board, arena or decoder, with the same calibration each time.
    """
    from ocrm55.compiler.quantization import calibration

    collect = calibration.collect

    def kept(graph: Graph, names: Sequence[str], inputs: Sequence[np.ndarray]) -> dict[str, calibration.Histogram]:
        asked = hashlib.sha256(graph.model().SerializeToString(deterministic=True))
        asked.update(json.dumps([names, [tensor.shape for tensor in inputs]]).encode())
        for tensor in inputs:
            asked.update(tensor.tobytes())
        found = once(f"histograms-{asked.hexdigest()[:20]}", lambda _: collect(graph, names, inputs))
        return copy.deepcopy(found)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "collect", kept)
        yield


@pytest.fixture(scope="session")
def models() -> Path:
    return REPOSITORY / "models"


@pytest.fixture(scope="session")
def model_dir(models: Path) -> Path:
    """The bundled model; read it, never write there."""
    return models / "en_ppocrv3_rec"


@pytest.fixture(scope="session")
def samples(models: Path) -> dict[Path, str]:
    """The sample images and the text that is on them; the blank one has none."""
    texts = json.loads((models / "samples" / "samples.json").read_text(encoding="utf-8"))
    return {models / "samples" / name: text for name, text in texts.items()}


@pytest.fixture(scope="session")
def paddle_recognizer(model_dir: Path) -> PaddleRecognizer:
    """Paddle with the bundled model: the truth."""
    from ocrm55.tasks.recognizer.inference import PaddleRecognizer

    return PaddleRecognizer(model_dir)


@pytest.fixture(scope="session")
def sample_probabilities(
    request: pytest.FixtureRequest, once: Once, samples: dict[Path, str]
) -> dict[Path, np.ndarray]:
    """What Paddle makes of each sample, float32 [40, 97]."""
    from ocrm55.tasks.recognizer import image

    def make(_: Path) -> dict[Path, np.ndarray]:
        recognizer: PaddleRecognizer = request.getfixturevalue("paddle_recognizer")
        return {path: recognizer.probabilities(image.to_tensor(path)) for path in samples}

    return once("sample_probabilities", make)


@pytest.fixture(scope="session")
def onnx_path(model_dir: Path, once: Once) -> Path:
    """The bundled model as static ONNX."""
    from ocrm55.tasks.recognizer.model import to_onnx

    return once("onnx", lambda folder: to_onnx(model_dir, folder / "model.onnx"))
