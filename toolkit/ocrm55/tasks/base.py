"""The contract between the compiler and a task, the purpose of a network.

The compiler knows graphs, integers and memory. A task knows the picture that its networks take, the outputs that they
give, and what those mean. A new task is a folder beside this file; the compiler imports none of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from ocrm55.errors import InputError
from ocrm55.normalisation import Normalisation
from ocrm55.restriction import UNRESTRICTED, Restriction

Look = Callable[[Path], None]


@dataclass(frozen=True)
class Extras:
    """A task's additions to a compiled model.

    headers: text of further files in include/, by name. metadata: entries of metadata.json.
    task: the folder of firmware/tasks that reads its outputs; empty for none. constant: what that needs of a network,
    as the type of a constant that is called NETWORK_task.
    sizes: macros of the network's header: name without the network's, value, remark.
    sources: text of further files in src/, by name, for a network of this name in C.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    task: str = ""
    constant: str = ""
    sizes: Sequence[tuple[str, int | str, str]] = ()
    sources: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})


class Merit(ABC):
    """Measures how much of a network's answer survives a rounding of its weights. Outputs are the network's,
    float32.
    """

    @abstractmethod
    def answer(self, output: np.ndarray) -> np.ndarray:
        """The answer in an output: two outputs with equal answers mean the same."""

    @abstractmethod
    def sure(self, output: np.ndarray, answer: np.ndarray) -> float:
        """The probability that an output gives to an answer, 0 .. 1."""

    @abstractmethod
    def divergence(self, found: np.ndarray, wanted: np.ndarray) -> float:
        """Kullback-Leibler divergence of one output from another, 0 or more."""


class Network(ABC):
    """A network of a task, as the files of `source` describe it: a Paddle inference model folder, or an ONNX file.

    normalisation: what the folder says, or the task's; an ONNX file that notes another one has that.
    int8_output: scale and zero point of the output of a network in int8; None for an output of float32.
    """

    source: Path
    normalisation: Normalisation
    merit: Merit
    int8_output: tuple[float, int] | None = None

    @abstractmethod
    def to_onnx(self, destination: Path, height: int | None, width: int | None, look: Look | None = None) -> Path:
        """Convert a model folder; height and width in pixels, of the settings where they are None.

        look: is given the converted file before it is compared with the original; what it raises ends the conversion.
        Raises InputError for a size that the network does not take.
        """

    def restricted(self, asked: Restriction) -> Self:
        """The network with texts that keep a restriction. Raises InputError for one that it cannot keep."""
        if asked != UNRESTRICTED:
            raise InputError("only a recognizer's texts can be restricted.", ["leave --allow and its like out"])
        return self

    def check_restriction(self) -> None:
        """Raise InputError for a restriction that cannot be read, before any work."""
        return

    @abstractmethod
    def resize(self, pixels: np.ndarray, height: int, width: int) -> np.ndarray:
        """Scale BGR uint8 [h, w, 3] by the task's rule to at most height x width; set_image fills up the right."""

    @abstractmethod
    def check_output(self, shape: Sequence[int]) -> None:
        """Raise UnsupportedError or InputError for a shape of the ONNX model's output that the task does not know."""

    def takes_rows(self, shape: Sequence[int], decoder: str) -> bool:
        """Whether an output of this shape may come row by row (`run_into` of ocrm55_network.h), never whole."""
        return False

    @abstractmethod
    def extras(self, shape: Sequence[int], decoder: str) -> Extras:
        """The additions to the compiled model. shape: of the output. decoder: the user's choice, see Task.decoders."""

    @abstractmethod
    def decode(self, output: np.ndarray, decoder: str) -> Any:
        """The answer of an output, decoded as the firmware does. output: float32 in the ONNX model's shape."""


class Task(ABC):
    """The purpose of networks.

    name: of its folders, here and in firmware/tasks. calibration: a folder of pictures for those who have none.
    decoders: who makes a result of outputs, by the user's word; the first is the default.
    models: the user's words for models that are no paths -> their names. `bundled` lies in models/ by its name.
    """

    name: str
    decoders: tuple[str, ...]
    models: Mapping[str, str]

    @property
    @abstractmethod
    def calibration(self) -> Path: ...

    def with_dictionary(self, file: Path) -> Task:
        """The task with a file of characters for models that do not name theirs. Raises InputError."""
        raise InputError(f"a {self.name} has no dictionary, and {file} is one.", ["leave --dict out"])

    @abstractmethod
    def export(self, source: str, destination: Path) -> object:
        """Bring a model into a folder of its own, as Paddle's inference format. Raises InputError.

        source: one of `models`, or a path.
        """

    @abstractmethod
    def files(self, decoder: str) -> list[Path]:
        """The files beside the model's that a compiled model is made of."""

    @abstractmethod
    def network(self, source: Path) -> Network:
        """The network of a model folder or an ONNX file. Raises InputError for one of another task."""
