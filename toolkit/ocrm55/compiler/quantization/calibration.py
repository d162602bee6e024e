"""The values of the network's tensors on images like those that it will read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from ocrm55 import console
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.errors import InputError, UnsupportedError

BINS = 1024
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"}
LEAST_IMAGES = 8
LARGEST = 1e30  # of a value that int8 can stand for: scales and their quotients stay within float32


@dataclass
class Histogram:
    """Histograms of a tensor's values, one for each channel.

    low, high: float32 [channels], the extremes. counts: int64 [channels, bins], each channel's bins spanning its own
    range. axis: the axis of the channels.
    """

    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    axis: int

    @property
    def centres(self) -> np.ndarray:
        """float64 [channels, bins]: the value in the middle of each bin."""
        bins = self.counts.shape[1]
        width = (self.high - self.low).astype(np.float64)[:, None] / bins
        return self.low[:, None] + (np.arange(bins) + 0.5) * width


def images(folder: Path) -> list[Path]:
    """The pictures of a folder, in name order.

    Raises InputError when the folder is missing or has too few pictures to find ranges.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} to calibrate on.", ["leave --calibrate out"])
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if len(found) < LEAST_IMAGES:
        raise InputError(
            f"{folder} holds {len(found)} images; calibration needs at least {LEAST_IMAGES}.",
            ["add images as the network will see them", "leave --calibrate out to use the bundled ones"],
        )
    return found


def collect(graph: Graph, names: Sequence[str], inputs: Sequence[np.ndarray]) -> dict[str, Histogram]:
    """Run a float network on `inputs` and count the values of the tensors `names`.

    It runs twice: once for the range of every channel, once for the histograms. Keeping all activations of a hundred
    images would take gigabytes. 4-D tensors have their channels on axis 1, others on the last.
    No inputs: any histograms, for a network of which only the sizes matter.
    """
    model, ranks = graph.model(), {name: len(graph.shape(name)) for name in names}
    axes = {name: 1 if rank == 4 else rank - 1 for name, rank in ranks.items()}
    if len(inputs) == 0:
        return {name: _any(graph.shape(name)[axis], axis, place) for place, (name, axis) in enumerate(axes.items())}
    low: dict[str, np.ndarray] = {}
    high: dict[str, np.ndarray] = {}
    counts: dict[str, np.ndarray] = {}
    with console.progress("calibrating", 2 * len(inputs)) as bar:
        for values in runs(model, names, inputs):
            for name in names:
                rows = _channels(values[name], axes[name])
                least, most = rows.min(axis=1), rows.max(axis=1)
                low[name] = np.minimum(low.get(name, least), least)
                high[name] = np.maximum(high.get(name, most), most)
            bar.advance(bar.task_ids[0])
        _check_ranges(graph, low, high)
        for values in runs(model, names, inputs):
            for name in names:
                counted = _count(_channels(values[name], axes[name]), low[name], high[name])
                counts[name] = counts[name] + counted if name in counts else counted
            bar.advance(bar.task_ids[0])
    return {name: Histogram(low[name], high[name], counts[name], axes[name]) for name in names}


def _any(channels: int, axis: int, place: int) -> Histogram:
    """A histogram of a tensor of which nothing is known; no two of them have the same range, as it would be."""
    reach = np.full(channels, 1 + place / 64, np.float32)
    return Histogram(-reach, reach, np.ones((channels, 64), np.int64), axis)


def _check_ranges(graph: Graph, low: dict[str, np.ndarray], high: dict[str, np.ndarray]) -> None:
    for name, least in low.items():
        if not (np.abs(least) < LARGEST).all() or not (np.abs(high[name]) < LARGEST).all():  # NaN, too
            node = graph.producer(name)
            raise UnsupportedError(
                f"the values of layer {(node and node.name) or name} are infinite, no numbers or over {LARGEST:g} "
                "on the pictures that find ranges for int8.",
                ["--precision float32", "--calibrate FOLDER with pictures of the kind that the network reads"],
            )


def runs(model: onnx.ModelProto, names: Sequence[str], inputs: Sequence[np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """The values of the named tensors for one input after the other."""
    feed = model.graph.input[0].name
    inner = [name for name in names if name != feed]
    if not inner:
        yield from ({feed: tensor} for tensor in inputs)
        return
    outputs = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in inner)
    session = open_session(model)
    del model.graph.output[:]
    model.graph.output.extend(outputs)
    for tensor in inputs:
        try:
            found = session.run(inner, {feed: tensor})
        except Exception as trouble:
            raise not_run(trouble) from trouble
        yield dict(zip(inner, found, strict=True)) | {feed: tensor}


def open_session(model: onnx.ModelProto, optimise: bool = True):  # type: ignore[no-untyped-def]  # class of an extension
    """An ONNX Runtime session of a model in memory; `optimise` lets it fuse, which changes the last bits of floats."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception as trouble:  # of classes that its extension raises
        raise not_run(trouble) from trouble


def not_run(trouble: Exception) -> InputError:
    """What ONNX Runtime says about a model that it does not take."""
    text = (str(trouble).strip() or type(trouble).__name__).splitlines()[0].rstrip(".")
    return InputError(f"ONNX Runtime does not run the model: {text[:300]}.", ["export or copy the model again"])


def _channels(values: np.ndarray, axis: int) -> np.ndarray:
    """[channels, everything else]"""
    values = np.atleast_1d(values)  # of one number, which a ReduceMean without axes leaves
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)


def _count(rows: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The number of values of each row [channels, values] in each bin: [channels, BINS]."""
    scale = BINS / np.maximum(high - low, 1e-9)
    places = rows - low[:, None]  # in place from here on: half of calibration's time is spent in this function
    places *= scale[:, None]
    bins = places.astype(np.int64)
    np.clip(bins, 0, BINS - 1, out=bins)
    bins += np.arange(len(rows))[:, None] * BINS
    return np.bincount(bins.reshape(-1), minlength=len(rows) * BINS).reshape(len(rows), BINS)
