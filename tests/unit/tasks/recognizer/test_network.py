"""The network: PaddleOCR's parameter names and shapes, its size, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from ocrm55.tasks.recognizer.network import Recognizer

# Names and shapes as they stand in PaddleOCR's checkpoint en_PP-OCRv3_rec (linear layers: inputs x outputs).
OFFICIAL = {
    "backbone.conv1._conv.weight": [16, 3, 3, 3],
    "backbone.conv1._batch_norm._mean": [16],
    "backbone.block_list.3._depthwise_conv._conv.weight": [64, 1, 3, 3],
    "backbone.block_list.6._depthwise_conv._conv.weight": [256, 1, 5, 5],
    "backbone.block_list.10._pointwise_conv._batch_norm._variance": [256],
    "backbone.block_list.11._se.conv1.weight": [64, 256, 1, 1],
    "backbone.block_list.12._se.conv2.bias": [512],
    "backbone.block_list.12._pointwise_conv._conv.weight": [512, 512, 1, 1],
    "head.ctc_encoder.encoder.conv1.conv.weight": [64, 512, 3, 3],
    "head.ctc_encoder.encoder.conv2.norm.bias": [120],
    "head.ctc_encoder.encoder.svtr_block.0.norm1.weight": [120],
    "head.ctc_encoder.encoder.svtr_block.1.mixer.qkv.weight": [120, 360],
    "head.ctc_encoder.encoder.svtr_block.1.mixer.proj.bias": [120],
    "head.ctc_encoder.encoder.svtr_block.0.mlp.fc1.weight": [120, 240],
    "head.ctc_encoder.encoder.norm.weight": [120],
    "head.ctc_encoder.encoder.conv4.conv.weight": [64, 1024, 3, 3],
    "head.ctc_encoder.encoder.conv1x1.conv.weight": [64, 64, 1, 1],
    "head.ctc_head.fc.weight": [64, 97],
    "head.ctc_head.fc.bias": [97],
}


@pytest.fixture(scope="module")
def network() -> Recognizer:
    from ocrm55.tasks.recognizer.network import Recognizer

    return Recognizer()


def test_official_names_and_shapes(network: Recognizer) -> None:
    state = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    assert {name: state.get(name) for name in OFFICIAL} == OFFICIAL
    assert len(state) == 196


def test_size(network: Recognizer) -> None:
    weights = [tensor for name, tensor in network.state_dict().items() if not name.endswith(("_mean", "_variance"))]
    assert sum(int(np.prod(tensor.shape)) for tensor in weights) == 2_215_345


@pytest.mark.parametrize("width", [16, 320, 328])
def test_one_step_for_eight_pixels(network: Recognizer, width: int) -> None:
    import paddle

    network.eval()
    probabilities = network(paddle.zeros([2, 3, 48, width])).numpy()
    assert probabilities.shape == (2, width // 8, 97)
    np.testing.assert_allclose(probabilities.sum(axis=2), 1, atol=1e-5)


def test_training_gives_logits(network: Recognizer) -> None:
    import paddle

    network.train()
    logits = network(paddle.rand([2, 3, 48, 64])).numpy()
    network.eval()
    assert not np.allclose(logits.sum(axis=2), 1)


def test_guided_neck_keeps_its_gradient_to_itself() -> None:
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    for guided in (True, False):
        network = Recognizer(guided=guided)
        network.train()
        network(paddle.rand([1, 3, 48, 32])).sum().backward()
        assert (network.backbone.conv1._conv.weight.grad is None) is guided


def test_other_number_of_classes() -> None:
    from ocrm55.tasks.recognizer.network import Recognizer

    assert Recognizer(classes=38).state_dict()["head.ctc_head.fc.weight"].shape == [64, 38]
