"""Load the network from a training checkpoint (`.pdparams` of PaddleOCR or `ocrm55 train`) or an ONNX file."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ocrm55 import console, plain_pickle
from ocrm55.errors import InputError, first_line
from ocrm55.tasks.recognizer.layout import CLASSES, layout
from ocrm55.tasks.recognizer.onnx_weights import check_weights, read_weights

if TYPE_CHECKING:
    from ocrm55.tasks.recognizer.network import Recognizer

# PaddleOCR distils a student from a teacher and saves both. Torch-like wrappers add a key of their own.
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_PREFIXES = ("Student.", "Teacher.", "_layers.", "module.")
MOST_BYTES = 1 << 30  # limit of a checkpoint file; student and teacher take some 30 MB
_NAMES_OF_PADDLE = "StructuredToParameterName@@"  # Paddle's own entries beside the weights
_OWN_BRANCHES = ("backbone.", "head.ctc_encoder.", "head.ctc_head.")


def load_checkpoint(path: Path) -> Recognizer:
    """The network with the weights of a `.pdparams` or `.onnx` file, or of a model folder, in evaluation mode.

    Accepts PaddleOCR's training layout: `Student.`/`Teacher.` prefixes (the student is taken), and a `state_dict`
    around it. Branches that exist only for training, such as `head.sar_head`, are left out with a note.
    A checkpoint is a pickle. plain_pickle reads the arrays in it and runs nothing. An ONNX file must be as paddle2onnx
    writes it, with separate batch norms; the network is compared with it.

    Raises InputError when it cannot be read, lacks a weight, has one of another shape, or knows other characters.
    """
    is_onnx = path.suffix == ".onnx"
    weights = read_weights(path) if is_onnx or path.is_dir() else _unwrap(path, read_arrays(path))
    _check(path, weights)
    # Behind the checks: the import takes seconds and hundreds of megabytes, which a refusal does not need.
    import paddle

    from ocrm55.tasks.recognizer.network import Recognizer

    network = Recognizer()
    network.set_state_dict({name: paddle.to_tensor(weights[name].astype(np.float32)) for name in layout()})
    network.eval()
    if is_onnx:
        check_weights(path, network)
    return network


def _check(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    wanted = layout()
    missing = [name for name in wanted if name not in weights]
    if missing:
        raise InputError(
            f"{path} is no checkpoint of the English PP-OCRv3 recognizer: it lacks {_few(missing)}.",
            ["name a checkpoint of en_PP-OCRv3_rec, or a Paddle inference model folder"],
        )
    foreign = [name for name in weights if name not in wanted]
    unknown = [name for name in foreign if name.startswith(_OWN_BRANCHES)]
    if unknown:
        raise InputError(
            f"{path} is of another network: it has {_few(unknown)}, which PP-OCRv3 does not have.",
            ["name a checkpoint of en_PP-OCRv3_rec, or a Paddle inference model folder"],
        )
    if foreign:
        branches = sorted({".".join(name.split(".")[:2]) for name in foreign})
        console.note(f"{path}: {len(foreign)} weights of {', '.join(branches)} serve training only and are left out.")
    classes = int(np.prod(weights["head.ctc_head.fc.bias"].shape))
    if classes != CLASSES:
        raise InputError(
            f"{path} has {classes} classes; the English dictionary has {CLASSES}.",
            ["export it with PaddleOCR, which writes its dictionary into inference.yml, and name that folder"],
        )
    for name, shape in wanted.items():
        value = weights[name]
        if list(value.shape) != shape:
            raise InputError(
                f"{path}: {name} has the shape {list(value.shape)}, the network has {shape}.",
                ["name a checkpoint of en_PP-OCRv3_rec"],
            )
        if not np.isfinite(value).all():
            raise InputError(f"{path}: {name} holds values that are no numbers.", ["take an earlier checkpoint"])


def read_arrays(path: Path) -> dict[str, Any]:
    """The contents of a file of Paddle's, by name. Raises InputError when it is damaged, too large, or holds code."""
    if not path.is_file():
        raise InputError(f"there is no checkpoint {path}.")
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path} is larger than any checkpoint of a recognizer, {MOST_BYTES:,} bytes.")
    try:
        content = plain_pickle.loads(path.read_bytes())
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    except pickle.UnpicklingError as trouble:
        raise InputError(
            f"{path} is not a Paddle checkpoint, or is cut short: {first_line(trouble)}.", ["copy the file again"]
        ) from trouble
    if not isinstance(content, Mapping):
        raise InputError(f"{path} holds a {type(content).__name__}, not the weights of a network.")
    return {name: value for name, value in content.items() if name != _NAMES_OF_PADDLE}


def _unwrap(path: Path, content: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays by the names of the layers, without wrappers and prefixes."""
    for wrapper in _WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    arrays = {
        str(name): np.asarray(value)
        for name, value in content.items()
        if hasattr(value, "shape") or hasattr(value, "numpy")
    }
    for prefix in _PREFIXES:
        own = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        if own:
            if len(own) < len(arrays):
                console.note(
                    f"{path}: the weights below `{prefix}` are taken, {len(arrays) - len(own)} others are not."
                )
            arrays = own
    return arrays


def _few(names: list[str]) -> str:
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} more" if rest > 0 else "")
