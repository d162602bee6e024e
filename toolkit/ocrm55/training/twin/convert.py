"""Convert weights of the PyTorch twin to Paddle's names and layout, and back.

In two steps, because the two frameworks need not be installed together:
    python -m ocrm55.training.twin.convert best.pt weights.npz            (where PyTorch is)
    python -m ocrm55.training.twin.convert weights.npz weights.pdparams   (where Paddle is)
or in one step, where both are installed: python -m ocrm55.training.twin.convert best.pt weights.pdparams

To start the twin from another model, an ONNX file or a Paddle inference model folder such as PaddleOCR's own:
    python -m ocrm55.training.twin.convert en_PP-OCRv3_rec_infer.onnx start.npz   (where Paddle is)
    python -m ocrm55.training.twin.convert start.npz start.pt                     (where PyTorch is)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import console, files
from ocrm55.errors import InputError, ToolchainError


def to_paddle_layout(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rename the statistics of batch norms, and transpose the matrices of linear layers: Paddle keeps [in, out]."""
    turned = {}
    for name, value in weights.items():
        if name.endswith("num_batches_tracked"):
            continue
        array = np.asarray(value, np.float32)
        turned[name.replace(".running_mean", "._mean").replace(".running_var", "._variance")] = np.ascontiguousarray(
            array.T if array.ndim == 2 else array
        )
    return turned


def to_torch_layout(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inverse, to start the twin from a Paddle checkpoint."""
    turned = {}
    for name, value in weights.items():
        array = np.asarray(value, np.float32)
        turned[name.replace("._mean", ".running_mean").replace("._variance", ".running_var")] = np.ascontiguousarray(
            array.T if array.ndim == 2 else array
        )
    return turned


def read_torch(source: Path) -> dict[str, np.ndarray]:
    """The weights of a .pt file by name. Raises ToolchainError without PyTorch, InputError for another file."""
    try:
        import torch
    except ImportError as missing:
        raise ToolchainError("Reading .pt needs PyTorch.", ["pip install 'ocrm55[train-torch]'"]) from missing
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
        return {name: value.float().numpy() for name, value in state.items()}
    except Exception as trouble:  # unpickling a damaged file raises almost anything
        raise InputError(f"{source} does not hold the weights of a PyTorch network: {trouble}") from trouble


def write_paddle(weights: Mapping[str, np.ndarray], destination: Path) -> None:
    """Write a .pdparams, checked against the network's names and shapes. Raises InputError when they differ."""
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    wanted = {name: tuple(value.shape) for name, value in Recognizer().state_dict().items()}
    given = {name: value.shape for name, value in weights.items()}
    if wanted != given:
        odd = sorted(set(wanted.items()) ^ set(given.items()))
        raise InputError(f"The weights do not fit the recognizer, first at {odd[0][0]} ({len(odd)} differences).")
    with files.atomic_file(destination) as staging:
        paddle.save({name: paddle.to_tensor(value) for name, value in weights.items()}, str(staging))


def write_torch(weights: Mapping[str, np.ndarray], destination: Path) -> None:
    """Write a .pt of weights in Paddle's layout. Raises ToolchainError without PyTorch."""
    try:
        import torch
    except ImportError as missing:
        raise ToolchainError("Writing .pt needs PyTorch.", ["pip install 'ocrm55[train-torch]'"]) from missing
    state = {name: torch.from_numpy(value) for name, value in to_torch_layout(weights).items()}
    # The number of batches that each norm has seen; only a falling momentum would read it.
    means = [name for name in state if name.endswith(".running_mean")]
    state |= {name.replace("running_mean", "num_batches_tracked"): torch.tensor(0) for name in means}
    with files.atomic_file(destination) as staging:
        torch.save(state, staging)


def convert(source: Path, destination: Path) -> None:
    """Convert by the files' suffixes, as the module's text says."""
    if source.suffix == ".onnx" or source.is_dir():
        from ocrm55.tasks.recognizer.onnx_weights import read_weights

        weights: dict[str, Any] = read_weights(source)
    elif source.suffix == ".npz":
        try:
            with np.load(source) as stored:
                weights = dict(stored)
        except (OSError, ValueError) as trouble:
            raise InputError(f"{source} is not an .npz file: {trouble}.") from trouble
    else:
        weights = to_paddle_layout(read_torch(source))
    if destination.suffix == ".npz":
        with files.atomic_file(destination) as staging, staging.open("wb") as stream:
            np.savez(stream, **weights)
    elif destination.suffix == ".pt":
        write_torch(weights, destination)
    else:
        write_paddle(weights, destination)
    console.note(f"{source} -> {destination}: {len(weights)} tensors")


def main() -> None:
    """The program: `convert SOURCE DESTINATION`."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    with console.errors_end_the_program():
        convert(Path(sys.argv[1]), Path(sys.argv[2]))


if __name__ == "__main__":
    main()
