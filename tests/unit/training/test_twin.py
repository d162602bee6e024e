"""The PyTorch twin: conversion needs no PyTorch, the rest is tested where it is installed."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.training.twin import convert


@pytest.fixture(scope="module")
def paddle_weights() -> dict[str, np.ndarray]:
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    paddle.seed(3)
    return {name: value.numpy() for name, value in Recognizer().state_dict().items()}


def test_names_and_layout_there_and_back_are_the_same(paddle_weights: dict[str, np.ndarray]) -> None:
    there = convert.to_torch_layout(paddle_weights)
    assert there["head.ctc_head.fc.weight"].shape == (97, 64)
    assert "backbone.conv1._batch_norm.running_mean" in there
    there["backbone.conv1._batch_norm.num_batches_tracked"] = np.array(7)
    back = convert.to_paddle_layout(there)
    assert back.keys() == paddle_weights.keys()
    assert all(np.array_equal(back[name], paddle_weights[name]) for name in back)


def test_an_npz_becomes_a_checkpoint_that_export_takes(paddle_weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint

    np.savez(tmp_path / "weights.npz", **paddle_weights)
    convert.convert(tmp_path / "weights.npz", tmp_path / "weights.pdparams")
    loaded = load_checkpoint(tmp_path / "weights.pdparams").state_dict()
    assert all(np.array_equal(loaded[name].numpy(), value) for name, value in paddle_weights.items())


def test_a_checkpoint_for_the_twin_to_start_from(paddle_weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin import network

    np.savez(tmp_path / "start.npz", **paddle_weights)
    convert.convert(tmp_path / "start.npz", tmp_path / "start.pt")
    twin = network.Recognizer()
    twin.load_state_dict(torch.load(tmp_path / "start.pt", weights_only=True))  # strictly: every name is there
    back = convert.to_paddle_layout({name: value.numpy() for name, value in twin.state_dict().items()})
    assert all(np.array_equal(back[name], value) for name, value in paddle_weights.items())


def test_weights_of_another_network_are_refused(paddle_weights: dict[str, np.ndarray], tmp_path: Path) -> None:
    odd = dict(paddle_weights)
    odd["head.ctc_head.fc.bias"] = np.zeros(96, np.float32)
    with pytest.raises(InputError, match=r"head\.ctc_head\.fc\.bias"):
        convert.write_paddle(odd, tmp_path / "weights.pdparams")
    assert not any(tmp_path.iterdir())
    (tmp_path / "weights.npz").write_bytes(b"no zip")
    with pytest.raises(InputError, match=r"weights\.npz"):
        convert.convert(tmp_path / "weights.npz", tmp_path / "weights.pdparams")


def test_the_program_ends_with_the_exit_code_of_its_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["convert", str(tmp_path / "none.npz"), str(tmp_path / "out.npz")])
    with pytest.raises(SystemExit) as ended:
        convert.main()
    assert ended.value.code == InputError.exit_code


def test_both_networks_answer_alike(paddle_weights: dict[str, np.ndarray]) -> None:
    torch = pytest.importorskip("torch")
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer
    from ocrm55.training.twin import network

    twin = network.Recognizer().eval()
    given = {name: torch.from_numpy(value) for name, value in convert.to_torch_layout(paddle_weights).items()}
    state = {name: value for name, value in twin.state_dict().items() if not name.endswith("num_batches_tracked")}
    assert {name: tuple(value.shape) for name, value in state.items()} == {
        name: tuple(value.shape) for name, value in given.items()
    }
    twin.load_state_dict(given, strict=False)
    ours = Recognizer()
    ours.set_state_dict(paddle_weights)
    ours.eval()
    images = np.random.default_rng(0).uniform(-1, 1, (2, 3, 48, 96)).astype(np.float32)
    with torch.no_grad():
        theirs = torch.softmax(twin(torch.from_numpy(images)), -1).numpy()
    assert np.abs(ours(paddle.to_tensor(images)).numpy() - theirs).max() < 1e-5


def test_own_depthwise_gradients_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin import native

    if native.kernels() is None:
        pytest.skip("no AVX-512 or no C++ compiler")
    torch.manual_seed(1)
    for channels, kernel, stride, bias in (
        (16, 3, 1, False),
        (64, 3, (2, 1), True),
        (32, 5, 1, True),
        (48, 5, (1, 2), False),
    ):
        conv = torch.nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=bias)
        x = torch.randn(3, channels, 6, 20).to(memory_format=torch.channels_last)
        given = x.bfloat16().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = native.depthwise(given, conv)
        above = torch.randn_like(result)
        learned = tuple(conv.parameters())
        ours = torch.autograd.grad(result, (given, *learned), above)
        plain = given.detach().float().requires_grad_()
        theirs = torch.autograd.grad(conv(plain), (plain, *learned), above.float())
        assert len(ours) == 2 + bias
        for one, other in zip(ours, theirs, strict=True):
            assert (one.float() - other).abs().max() < 0.03 * other.abs().max()


def test_own_normalisation_and_hard_swish_are_pytorchs() -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin import native

    if native.kernels() is None:
        pytest.skip("no AVX-512 or no C++ compiler")
    torch.manual_seed(2)
    own, plain = torch.nn.BatchNorm2d(32), torch.nn.BatchNorm2d(32)
    torch.nn.init.normal_(own.weight, 1, 0.3)
    torch.nn.init.normal_(own.bias)
    plain.load_state_dict(own.state_dict())
    for _ in range(3):  # running statistics, too
        x = (torch.randn(5, 32, 7, 41) * 2 + 1).bfloat16().to(memory_format=torch.channels_last).requires_grad_()
        wide = x.detach().float().requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = native.norm_hardswish(x, own)
        wanted = torch.nn.functional.hardswish(plain(wide))
        above = torch.randn_like(result)
        ours = torch.autograd.grad(result, (x, own.weight, own.bias), above)
        theirs = torch.autograd.grad(wanted, (wide, plain.weight, plain.bias), above.float())
        for a, b in zip((result, *ours), (wanted, *theirs), strict=True):
            assert (a.float() - b).abs().max() < 0.01 * b.abs().max()
    assert torch.allclose(own.running_mean, plain.running_mean, atol=1e-5)
    assert torch.allclose(own.running_var, plain.running_var, rtol=1e-4)


def test_the_mean_of_two_trainings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin.average import average, main

    for name, value in (("a", 1.0), ("b", 4.0)):
        torch.save({"w": torch.full((2, 3), value)}, tmp_path / f"{name}.pt")
    torch.save({"w": torch.zeros(3)}, tmp_path / "c.pt")
    assert (average([tmp_path / "a.pt", tmp_path / "b.pt"])["w"] == 2.5).all()
    monkeypatch.setattr(sys, "argv", ["average", f"{tmp_path}/a.pt@2", f"{tmp_path}/b.pt", f"{tmp_path}/mean.pt"])
    main()
    assert (torch.load(tmp_path / "mean.pt")["w"] == 2).all()
    with pytest.raises(InputError, match=r"c\.pt"):
        average([tmp_path / "a.pt", tmp_path / "c.pt"])


def test_noise_is_of_the_size_of_a_step_and_leaves_no_trace() -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin.network import Recognizer
    from ocrm55.training.twin.noise import RoundingNoise

    torch.manual_seed(4)
    network = Recognizer()
    images = torch.rand(4, 3, 48, 64) * 2 - 1
    noise = RoundingNoise(network, 1.0)
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    with torch.no_grad():
        plain = network(images)
        again = network(images)
        with noise:
            moved = {name: value.clone() for name, value in network.named_parameters()}
            disturbed = network(images)
    assert torch.equal(plain, again)
    assert not torch.equal(plain, disturbed)
    assert all(torch.equal(value, before[name]) for name, value in network.named_parameters())
    for name, value in before.items():
        error = (moved[name] - value).abs()
        if name.endswith("weight") and value.ndim > 1:
            step = value.abs().flatten(1).amax(1) / 127
            assert (error.flatten(1).amax(1) <= 0.5001 * step).all()
            assert error.mean() > 0.2 * step.mean()
        else:
            assert not error.any()


@pytest.mark.parametrize("shared", [False, True])
def test_noise_on_activations_follows_their_ranges_and_passes_gradients(
    shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin import noise as rounding
    from ocrm55.training.twin.network import Recognizer
    from ocrm55.training.twin.noise import RoundingNoise

    monkeypatch.setattr(rounding, "SHARED", float(shared))
    torch.manual_seed(5)
    network = Recognizer()
    noise = RoundingNoise(network, 1.0)
    layer = network.backbone.conv1
    outputs = []
    layer.register_forward_hook(lambda _m, _i, out: outputs.append(out.detach().clone()))
    x = torch.rand(2, 3, 48, 64).to(memory_format=torch.channels_last)
    x.requires_grad_()
    with torch.no_grad():
        clean = torch.nn.functional.hardswish(
            torch.nn.functional.batch_norm(
                layer._conv(x), None, None, layer._batch_norm.weight, layer._batch_norm.bias, True, 0, 1e-5
            )
        )
    with noise:
        layer._conv.weight.data.copy_(noise.kept[0])  # leave the activations' noise alone
        layer(x).sum().backward()
    error = (outputs[-1] - clean).abs().amax((0, 2, 3))
    extent = clean.amax((0, 2, 3)).clamp_min(0) - clean.amin((0, 2, 3)).clamp_max(0)
    if shared:
        extent = rounding.SHARED_WIDTH * extent.max().expand_as(extent)
    assert (error <= 0.502 * extent / 255).all()
    assert (error >= 0.45 * extent / 255).all()
    assert x.grad is not None
    assert layer._conv.weight.grad is not None


def test_disagreement_is_the_divergence_and_moves_the_disturbed_side_only() -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin.noise import disagreement

    torch.manual_seed(6)
    a = torch.randn(3, 5, 7, requires_grad=True)
    b = torch.randn(3, 5, 7, requires_grad=True)
    p, q = (torch.distributions.Categorical(logits=x.detach().double()) for x in (a, b))
    wanted = torch.distributions.kl_divergence(p, q).sum(1).mean()
    found = disagreement(a, b)
    assert abs(float(found.detach()) - float(wanted)) < 1e-4
    found.backward()
    assert a.grad is None
    assert b.grad is not None
    assert float(disagreement(a, a).detach()) < 1e-6


def test_unlabelled_pictures_are_pieces_of_labelled_ones() -> None:
    torch = pytest.importorskip("torch")
    import random

    from ocrm55.training.twin.noise import unlabelled

    images = torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 48, 80).contiguous()
    strips = unlabelled(images, random.Random(7))
    assert strips.shape == images.shape
    assert all(torch.allclose(strips[row, :, :, :10], images[row, :, :, :10]) for row in range(6))
    assert not torch.equal(strips, images)
    assert strips.min() >= 0
    assert strips.max() <= 5


def test_loud_channels_are_made_quieter_and_others_left_alone() -> None:
    torch = pytest.importorskip("torch")
    from ocrm55.training.twin.network import Recognizer
    from ocrm55.training.twin.quieten import LOUD, quieten

    torch.manual_seed(8)
    network = Recognizer().eval()
    weights = network.state_dict()
    norm, taps = "backbone.conv1._batch_norm", "backbone.block_list.0._depthwise_conv._conv.weight"
    weights[f"{norm}.weight"][3], weights[f"{norm}.bias"][3] = 50, 20
    images = torch.rand(4, 3, 48, 320) * 2 - 1
    quiet, counts = quieten(weights, images)
    assert counts["backbone.conv1"] >= 1
    assert counts.keys() == {each.layer for each in LOUD}
    factor = weights[f"{norm}.weight"][3] / quiet[f"{norm}.weight"][3]
    assert factor > 2
    torch.testing.assert_close(quiet[f"{norm}.bias"][3] * factor, weights[f"{norm}.bias"][3])
    torch.testing.assert_close(quiet[taps][3], weights[taps][3] * factor)
    others = [
        channel for channel in range(16) if quiet[f"{norm}.weight"][channel] == weights[f"{norm}.weight"][channel]
    ]
    torch.testing.assert_close(quiet[taps][others], weights[taps][others])
    network.load_state_dict(quiet)
    loudest = network.backbone.conv1(images.to(memory_format=torch.channels_last)).amax()
    assert loudest <= 1.02 * next(each.most for each in LOUD if each.layer == "backbone.conv1")
