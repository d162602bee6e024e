"""Runs a network with one input and one output on the host: by Paddle, the reference, or by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ocrm55 import processes
from ocrm55.errors import InputError, first_line


class PaddleNetwork:
    """Runs a Paddle 3 program (.json, .pdiparams) on the CPU. Raises InputError when Paddle cannot load it."""

    def __init__(self, program: Path, parameters: Path) -> None:
        from paddle import inference

        processes.keep_good_order()
        config = inference.Config(str(program), str(parameters))
        config.disable_gpu()
        config.disable_mkldnn()  # plain kernels: the reference is to be the same on every x86-64 core
        config.set_cpu_math_library_num_threads(1)
        config.disable_glog_info()
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as trouble:  # Paddle raises several unrelated types here
            raise InputError(
                f"{program.parent} holds a model that Paddle cannot load: {first_line(trouble)}",
                ["export it again: ocrm55 export"],
            ) from trouble
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """Run the program on float32 values in a shape that it accepts; return its output."""
        self._input.reshape(list(tensor.shape))
        self._input.copy_from_cpu(np.ascontiguousarray(tensor, dtype=np.float32))
        self._predictor.run()
        return self._output.copy_to_cpu()


class OnnxNetwork:
    """Runs an ONNX file with ONNX Runtime on the CPU. Raises InputError when it is missing or cannot be loaded."""

    def __init__(self, onnx_path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
        except Exception as trouble:  # ONNX Runtime raises types of its C extension
            raise InputError(f"{onnx_path} cannot be loaded by ONNX Runtime: {first_line(trouble)}") from trouble
        self._name = self._session.get_inputs()[0].name

    def run(self, tensor: np.ndarray) -> np.ndarray:
        """Run the file on float32 values in its shape; return its output."""
        return self._session.run(None, {self._name: np.ascontiguousarray(tensor, dtype=np.float32)})[0]


def softmax(values: np.ndarray) -> np.ndarray:
    """Probabilities of logits, along the last axis."""
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
