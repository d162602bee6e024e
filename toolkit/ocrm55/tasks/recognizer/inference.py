"""Host inference of the recognizer: Paddle, the reference, and ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ocrm55.errors import InputError
from ocrm55.inference import OnnxNetwork, PaddleNetwork, softmax
from ocrm55.tasks.recognizer.model import RecognizerFolder


class PaddleRecognizer:
    """Runs a model folder on the CPU: by Paddle, or by ONNX Runtime where the folder holds an ONNX file.

    Raises InputError when the folder is not a recognizer's (see RecognizerFolder).
    """

    def __init__(self, model_dir: Path) -> None:
        self.model = RecognizerFolder(model_dir)
        self.charset = self.model.charset
        self._network: PaddleNetwork | OnnxNetwork = (
            OnnxNetwork(self.model.program)
            if self.model.is_onnx
            else PaddleNetwork(self.model.program, self.model.parameters)
        )

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Normalised image float32 [1, 3, height, width] -> probabilities float32 [steps, classes]."""
        probabilities = self._network.run(tensor)[0]
        if probabilities.shape[-1] != len(self.charset):
            raise InputError(
                f"{self.model.program} has {probabilities.shape[-1]} classes, but {self.model.settings.name} "
                f"names {len(self.charset)}.",
                ["--dict FILE, the dictionary that the model was trained with"],
            )
        return softmax(probabilities) if self.model.gives_logits else probabilities


class OnnxRecognizer:
    """Runs an ONNX file of the recognizer with ONNX Runtime on the CPU.

    Raises InputError when the file is missing or ONNX Runtime cannot load it.
    """

    def __init__(self, onnx_path: Path) -> None:
        self._network = OnnxNetwork(onnx_path)

    def probabilities(self, tensor: np.ndarray) -> np.ndarray:
        """Normalised image float32 [1, 3, height, width] -> probabilities float32 [steps, classes]."""
        return self._network.run(tensor)[0]
