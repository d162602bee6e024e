"""The twin of PP-OCRv6 tiny: compared with ONNX Runtime on the bundled model."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from ocrm55 import resources
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.charset import load_charset
from ocrm55.tasks.recognizer.image import to_tensor

torch = pytest.importorskip("torch")

from ocrm55.training.twin import tiny  # noqa: E402
from ocrm55.training.twin.noise import RoundingNoise  # noqa: E402

MODEL = resources.folder("models") / "en_ppocrv6_tiny_rec"


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    return tiny.read_folder(MODEL)


def twin(weights: dict[str, np.ndarray]) -> tiny.TinyRecognizer:
    network = tiny.TinyRecognizer().eval()
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return network


def pictures(count: int) -> np.ndarray:
    names = sorted((resources.folder("models") / "calibration").glob("word_*"))[:count]
    return np.concatenate([to_tensor(name) for name in names])


def answers(folder: Path, images: np.ndarray) -> np.ndarray:
    """ONNX Runtime's probabilities, with the classes in the order of the English dictionary."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / "inference.onnx", providers=["CPUExecutionProvider"])
    settings = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
    theirs = ["", *settings["PostProcess"]["character_dict"], " "]
    order = [theirs.index(char) for char in load_charset()[: tiny.CLASSES]]
    return np.concatenate([session.run(None, {"x": image[None]})[0] for image in images])[:, :, order]


def test_the_twin_answers_as_onnx_runtime_does(weights: dict[str, np.ndarray]) -> None:
    images = pictures(6)
    with torch.no_grad():
        ours = torch.softmax(twin(weights)(torch.from_numpy(images)), -1).numpy()
    assert ours.shape == (6, 40, 96)
    assert np.abs(ours - answers(MODEL, images)).max() < 3e-5


def test_weights_go_back_into_the_model(weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    moved = {name: value * rng.uniform(0.97, 1.03, value.shape).astype(np.float32) for name, value in weights.items()}
    tiny.write_folder(MODEL, moved, tmp_path / "made")
    read = tiny.read_folder(tmp_path / "made")
    assert all(np.allclose(read[name], value, rtol=1e-3, atol=1e-4) for name, value in moved.items())
    images = pictures(3)
    with torch.no_grad():
        ours = torch.softmax(twin(read)(torch.from_numpy(images)), -1).numpy()
    theirs = answers(tmp_path / "made", images)
    assert np.abs(ours - theirs).max() < 3e-5
    assert np.abs(theirs - answers(MODEL, images)).max() > 1e-3  # other weights than before
    size = (tmp_path / "made" / "inference.onnx").stat().st_size
    assert size < 1.01 * (MODEL / "inference.onnx").stat().st_size


def test_the_command_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tiny", str(MODEL), str(tmp_path / "start.pt")])
    tiny.main()
    monkeypatch.setattr(sys, "argv", ["tiny", str(MODEL), str(tmp_path / "start.pt"), str(tmp_path / "trained")])
    tiny.main()
    again = tiny.read_folder(tmp_path / "trained")
    assert all(np.allclose(again[name], value, rtol=1e-3, atol=1e-5) for name, value in tiny.read_folder(MODEL).items())


def test_other_models_are_refused(tmp_path: Path) -> None:
    detector = resources.folder("models") / "ppocrv6_tiny_det"
    with pytest.raises(InputError, match="another network"):
        tiny.read_folder(detector)
    with pytest.raises(InputError, match=r"no inference\.onnx"):
        tiny.read_folder(tmp_path)
    shutil.copytree(MODEL, tmp_path / "other")
    settings = tmp_path / "other" / "inference.yml"
    text = settings.read_text(encoding="utf-8")
    assert "- '!'" in text
    settings.write_text(text.replace("- '!'", "- '§'", 1), encoding="utf-8")
    with pytest.raises(InputError, match="other characters"):
        tiny.read_folder(tmp_path / "other")


def test_noise_disturbs_every_point_and_leaves_no_trace(weights: dict[str, np.ndarray]) -> None:
    network = twin(weights)
    images = torch.from_numpy(pictures(2))
    noise = RoundingNoise(network, 1.0)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    with torch.no_grad():
        plain = network(images)
        with noise:
            disturbed = network(images)
        again = network(images)
    assert torch.equal(plain, again)
    assert not torch.equal(plain, disturbed)
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    assert len(list(network.quantised())) == 2 + 3 * len(tiny.BLOCKS) + 3
    with noise:
        torch.log_softmax(network(images), -1)[:, :, 1].mean().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in network.parameters())


def test_rows_move_in_proportion_to_their_size(weights: dict[str, np.ndarray]) -> None:
    network = twin(weights)
    before = network.pace()
    with torch.no_grad():
        network.blocks[0].expand.weight[3] *= 10
    after = dict(zip(dict(network.named_parameters()), zip(before, network.pace(), strict=True), strict=True))
    was, now = after.pop("blocks.0.expand.weight")
    assert now[3] == pytest.approx(10 * was[3])
    assert all(torch.equal(*pair) for pair in after.values())
    assert all((pace > 0).all() for pace in before)
    for pace, value in zip(before, network.parameters(), strict=True):
        assert (pace * value).shape == value.shape
