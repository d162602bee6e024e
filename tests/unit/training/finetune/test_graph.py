"""A recognizer's ONNX file in PyTorch: the same answers as ONNX Runtime, and the weights written back."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from ocrm55 import resources
from ocrm55.errors import UnsupportedError
from ocrm55.export.onnx_model import converted
from ocrm55.tasks.recognizer.model import CAME, RecognizerFolder

torch = pytest.importorskip("torch")
from ocrm55.training.finetune import graph as graph_module  # noqa: E402
from ocrm55.training.finetune.graph import TorchGraph  # noqa: E402


def model_of(name: str) -> onnx.ModelProto:
    folder = RecognizerFolder(resources.folder("models") / CAME[name])
    return onnx.load(folder.program) if folder.is_onnx else converted(folder.program, folder.parameters)


def answers(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {session.get_inputs()[0].name: image[None]})[0] for image in images])


@pytest.mark.parametrize("name", ["bundled", "fast"])
def test_it_answers_as_onnx_runtime_does_before_and_after_a_step(name: str, tmp_path: Path) -> None:
    model = model_of(name)
    graph = TorchGraph(model)
    images = np.random.default_rng(1).uniform(-1, 1, (2, 3, 48, 320)).astype(np.float32)
    with torch.no_grad():
        said = graph(torch.from_numpy(images)).softmax(-1).numpy()
    assert np.abs(said - answers(model, images)).max() < 1e-4
    with torch.no_grad():
        for value in graph.parameters():
            value.copy_((value * 1.02).half().float())  # the fast one stores its weights in float16
        moved = graph(torch.from_numpy(images)).softmax(-1).numpy()
    written = graph.written()
    onnx.checker.check_model(written)
    assert np.abs(moved - said).max() > 1e-3
    assert np.abs(moved - answers(written, images)).max() < 1e-4
    assert np.abs(said - answers(model, images)).max() < 1e-4, "the model that it was made of stays"


def test_every_weight_learns_and_statistics_do_not() -> None:
    graph = TorchGraph(model_of("bundled"))
    images = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (2, 3, 48, 80)).astype(np.float32))
    graph(images).log_softmax(-1)[:, :, 1].sum().backward()
    assert all(value.grad is not None for value in graph.parameters())
    assert sum(value.numel() for value in graph.parameters()) > 2_000_000
    assert len(list(graph.buffers())) >= 64  # mean and variance of 32 batch norms
    assert len(graph.pace()) == len(list(graph.parameters()))


def test_the_part_that_does_not_learn_is_computed_once_and_stays() -> None:
    model = model_of("bundled")
    whole, part = TorchGraph(model), TorchGraph(model, 0.5)
    images = torch.from_numpy(np.random.default_rng(1).uniform(-1, 1, (2, 3, 48, 80)).astype(np.float32))
    made = part.first(images)
    assert torch.equal(part.rest(made), part(images))
    assert torch.allclose(part(images), whole(images), atol=1e-5)
    assert 0 < len(list(part.parameters())) < len(list(whole.parameters()))
    part.rest(made).log_softmax(-1)[:, :, 1].sum().backward()
    assert all(value.grad is not None for value in part.parameters())
    with torch.no_grad():
        for value in part.parameters():
            value.add_(0.01)
    assert all(
        torch.equal(value, again) for value, again in zip(made.values(), part.first(images).values(), strict=True)
    )
    first = next(node for node in model.graph.node if node.op_type == "Conv").input[1]
    now, before = (dict(graph_module._constants(each.graph))[first] for each in (part.written(), model))
    assert np.array_equal(now, before)


@pytest.mark.parametrize(("convolutions", "learning"), [(0, 1), (1, 2), (2, 2), (4, 3)])
def test_of_few_convolutions_some_learn(convolutions: int, learning: int) -> None:
    """The first two of four stay, the first of two; one stays only if another one learns. The product learns."""
    make, info = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    ends = [info(name, onnx.TensorProto.FLOAT, [1, 4, 6, 4]) for name in ("x0", "y")]
    nodes = [make("Conv", [f"x{place}", f"w{place}"], [f"x{place + 1}"]) for place in range(convolutions)]
    nodes.append(make("MatMul", [f"x{convolutions}", "w"], ["y"]))
    weights = [np.ones((4, 4, 1, 1), np.float32)] * convolutions + [np.ones((4, 4), np.float32)]
    names = [*(f"w{place}" for place in range(convolutions)), "w"]
    constants = [onnx.numpy_helper.from_array(value, name) for value, name in zip(weights, names, strict=True)]
    graph = TorchGraph(
        onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", *[[e] for e in ends], constants)), 0.55
    )
    assert len(list(graph.parameters())) == learning
    assert graph(torch.ones(1, 4, 6, 4)).shape == (1, 4, 6, 4)


def test_forgetting_is_the_divergence_of_softened_answers() -> None:
    from ocrm55.training.finetune.learn import TEMPERATURE, forgotten

    wanted, logits = np.random.default_rng(1).normal(0, 4, (2, 3, 5, 7)).astype(np.float32)
    before, now = (np.exp(each / TEMPERATURE) for each in (wanted, logits))
    before, now = (each / each.sum(-1, keepdims=True) for each in (before, now))
    each = (before * np.log(before / now)).sum((1, 2))
    told = float(forgotten(torch.from_numpy(logits), torch.from_numpy(wanted)))
    assert told == pytest.approx(TEMPERATURE**2 * each.mean(), rel=1e-4)
    assert float(forgotten(torch.from_numpy(wanted), torch.from_numpy(wanted))) == pytest.approx(0, abs=1e-5)


def test_it_says_where_the_time_ended_before_the_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from ocrm55.normalisation import Normalisation
    from ocrm55.training.finetune.batches import Collator, OwnSupply
    from ocrm55.training.finetune.learn import Learner, Schedule
    from ocrm55.training.finetune.own import OwnPictures

    supply = OwnSupply(OwnPictures([], []), [], 100, 320, 1)
    learner = Learner(TorchGraph(model_of("fast")), Schedule(5, 1e-9, 1e-4, 1, 1, 0), Collator({}, Normalisation(), 48))
    learner.run(supply, tmp_path / "state.pt")
    assert "0 of 5 steps" in " ".join(capsys.readouterr().err.split())


def test_an_unknown_operator_is_named() -> None:
    node = onnx.helper.make_node("LSTM", ["x"], ["y"])
    info = onnx.helper.make_tensor_value_info
    shape = ("x", onnx.TensorProto.FLOAT, [1, 2, 3]), ("y", onnx.TensorProto.FLOAT, [1, 2, 3])
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [info(*shape[0])], [info(*shape[1])]))
    with pytest.raises(UnsupportedError, match="LSTM"):
        TorchGraph(model)
