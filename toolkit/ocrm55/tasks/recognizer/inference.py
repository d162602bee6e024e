"""Host inference of the recognizer: Paddle, which is the truth, and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ocrm55 import processes
from ocrm55.errors import InputError


class PaddleRecognizer:
    """Runs a Paddle inference model folder on the CPU.

    Raises InputError when the folder is not a recognizer's (see ocrm55.export.paddle_model.PaddleModel).
    """

    def __init__(self, model_dir: Path) -> None:
        from paddle import inference

        processes.keep_good_order()

        from ocrm55.export.paddle_model import PaddleModel

        self.model = PaddleModel(model_dir)
        config = inference.Config(str(self.model.program), str(self.model.parameters))
        config.disable_gpu()
        config.disable_mkldnn()  # plain kernels: the reference is to be the same on every x86-64 core
        config.set_cpu_math_library_num_threads(1)
        config.disable_glog_info()
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as trouble:  # Paddle raises several unrelated types here
            raise InputError(
                f"{model_dir} holds a model that Paddle cannot load: {first_line(trouble)}",
                ["export it again: ocrm55 export"],
            ) from trouble
        self.charset = self.model.charset
        self._input = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        self._output = self._predictor.get_output_handle(self._predictor.get_output_names()[0])

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Normalised image float32 [1, 3, height, width] -> probabilities float32 [steps, classes]."""
        self._input.reshape(list(tensor.shape))
        self._input.copy_from_cpu(np.ascontiguousarray(tensor, dtype=np.float32))
        self._predictor.run()
        probabilities = self._output.copy_to_cpu()[0]
        if probabilities.shape[-1] != len(self.charset):
            raise InputError(
                f"{self.model.program} tells {probabilities.shape[-1]} classes apart, but {self.model.settings.name} "
                f"names {len(self.charset)}.",
                ["use the dictionary that the model was trained with"],
            )
        if self.model.gives_logits:
            powers = np.exp(probabilities - probabilities.max(axis=1, keepdims=True))
            return powers / powers.sum(axis=1, keepdims=True)
        return probabilities


class OnnxRecognizer:
    """Runs an ONNX file of the recognizer with ONNX Runtime on the CPU.

    Raises InputError when the file is missing or ONNX Runtime cannot load it.
    """

    def __init__(self, onnx_path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])
        except Exception as trouble:  # ONNX Runtime raises types of its C extension
            raise InputError(f"{onnx_path} cannot be loaded by ONNX Runtime: {first_line(trouble)}") from trouble
        self._input = self._session.get_inputs()[0].name

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Normalised image float32 [1, 3, height, width] -> probabilities float32 [steps, classes]."""
        return self._session.run(None, {self._input: np.ascontiguousarray(tensor, dtype=np.float32)})[0][0]


def first_line(trouble: Exception) -> str:
    """The first line of a library's message that says something."""
    lines = [line.strip() for line in str(trouble).splitlines() if line.strip(" -=\t")]
    return lines[0] if lines else type(trouble).__name__
