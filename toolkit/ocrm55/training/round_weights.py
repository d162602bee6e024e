"""`python -m ocrm55.training.round_weights SOURCE.pdparams DESTINATION.pdparams`: move weights to values that int8 has
exactly.

This is the last step of a training. Float and int8 then share their weights, see
ocrm55/compiler/quantization/weight_grid.py.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ocrm55 import console, files, temporary
from ocrm55.errors import InputError


def round_weights(source: Path, destination: Path) -> int:
    """Write a checkpoint whose weights are on int8's grid; return how many weights have moved to another value.

    Raises InputError for a checkpoint of another network.
    """
    import paddle

    from ocrm55.compiler import pipeline
    from ocrm55.compiler.onnx_graph.folding import fold
    from ocrm55.compiler.onnx_graph.graph import Graph
    from ocrm55.compiler.quantization.weight_grid import on_grid, weights_of
    from ocrm55.tasks.recognizer.checkpoint import load_checkpoint
    from ocrm55.tasks.recognizer.sources import export
    from ocrm55.tasks.recognizer.task import RECOGNIZER

    with temporary.folder() as folder:
        network = RECOGNIZER.network(export(str(source), folder / "model").directory)
        model = pipeline.load(network)
    inputs = pipeline.calibration_inputs(model, network, RECOGNIZER.calibration)
    graph = Graph(model)
    fold(graph)
    before = weights_of(graph)
    on_grid(graph, inputs)
    after = weights_of(graph)
    state = {name: value.numpy() for name, value in load_checkpoint(source).state_dict().items()}
    if unknown := before.keys() - state.keys():
        raise InputError(f"{source} is not the recognizer: it lacks {sorted(unknown)[0]}.")
    moved = 0
    for name, old in before.items():
        # Batch norms scale only output channels, so weights move in the same proportion with and without them.
        share = np.divide(after[name], old, out=np.zeros_like(old), where=old != 0)
        state[name] = (state[name] * share.reshape(state[name].shape)).astype(np.float32)
        moved += int((share != 1).sum())
    with files.atomic_file(destination) as staging:
        paddle.save({name: paddle.to_tensor(value) for name, value in state.items()}, str(staging))
    return moved


def main() -> None:
    """The program: `round_weights SOURCE DESTINATION`."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    source, destination = map(Path, sys.argv[1:])
    with console.errors_end_the_program():
        moved = round_weights(source, destination)
    console.note(f"{source} -> {destination}: {moved} weights moved")


if __name__ == "__main__":
    main()
