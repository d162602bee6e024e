"""The Paddle inference model folder as PaddleOCR 3 writes it: inference.json, inference.pdiparams, inference.yml."""

from __future__ import annotations

import copy
import json
import math
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocrm55 import files, plain_yaml
from ocrm55.errors import InputError
from ocrm55.normalisation import Normalisation

if TYPE_CHECKING:
    from paddle import nn

STEM = "inference"
SETTINGS = f"{STEM}.yml"
PARAMETERS = f"{STEM}.pdiparams"
PROGRAM = f"{STEM}.json"
OLD_PROGRAM = f"{STEM}.pdmodel"  # of Paddle 2; ocrm55.export.sources converts it
SIZES = (16, 2048)  # pixels that height and width of an input may have
_AGAIN = ["export or copy the model again"]


class PaddleFolder:
    """A model folder whose files were read: a network of any task, with one image as input.

    directory: the folder.
    program, parameters, settings: its three files; `files` lists them.
    described: the contents of the settings. inputs, outputs: shapes in the program, -1 is open. last: its last
    operator. A task overrides `_check_settings` and `_check_program`. Raises InputError, in one sentence, when a file
    is missing, cut short or of another kind of model.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        if not self.directory.is_dir():
            what = "is a file, not a model folder" if self.directory.exists() else "does not exist"
            raise InputError(f"the model folder {self.directory} {what}.", ["ocrm55 export writes one"])
        self.program = self._file(PROGRAM)
        self.parameters = self._file(PARAMETERS)
        self.settings = self._file(SETTINGS)
        self.described = self._read_settings()
        self._check_settings()
        program = self._read_program()
        self.inputs, self.outputs, self.last = program.inputs, program.outputs, program.last
        self._check_program()
        self._check_weights(program)

    def _check_settings(self) -> None:
        """Raise InputError for settings of another task."""

    def _check_program(self) -> None:
        """Raise InputError for a program of another task; the settings have been checked."""

    @property
    def files(self) -> list[Path]:
        """The files that make up the model."""
        return [self.program, self.parameters, self.settings]

    def operation(self, name: str) -> dict[str, Any] | None:
        """The arguments of a step of the preprocessing, such as `NormalizeImage`; None without one."""
        try:
            steps = self.described["PreProcess"]["transform_ops"]
            found = next((each[name] for each in steps if name in each), None)
        except (LookupError, TypeError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def normalisation(self) -> Normalisation | None:
        """The settings' normalisation of an image's bytes, their `NormalizeImage`; None without that step.

        Raises InputError for a step that is not understood, or for images whose channels are in another order.
        """
        if (mode := (self.operation("DecodeImage") or {}).get("img_mode", "BGR")) != "BGR":
            raise InputError(
                f"{self.settings} asks for images in {str(mode)[:20]}; the firmware hands over blue, green, red.",
                ["choose a model that PaddleOCR trained on BGR"],
            )
        step = self.operation("NormalizeImage")
        try:
            return None if step is None else Normalisation.of_settings(step)
        except (ValueError, LookupError, TypeError) as trouble:
            raise InputError(
                f"{self.settings} normalises images in a way that is not understood.",
                ["NormalizeImage: mean and std are three numbers each, scale is one such as 1./255."],
            ) from trouble

    def check_size(self, height: int, width: int) -> None:
        """Raise InputError for a size of images that the program does not accept."""
        least, most = SIZES
        if not all(least <= size <= most for size in (height, width)):
            raise InputError(
                f"images of {height} rows and {width} columns cannot be read: both lie between {least} and {most}.",
                [f"{self.settings} says the size that the model was trained with"],
            )
        wanted = [1, 3, height, width]
        if len(self.inputs) != 1 or not _fits(self.inputs[0], wanted):
            raise InputError(
                f"{self.program} takes {shapes_text(self.inputs)}, not one image {wanted}.",
                ["choose a text recognition model", "leave --height and --width out"],
            )

    def _file(self, name: str) -> Path:
        path = self.directory / name
        if not path.is_file():
            raise InputError(
                f"the model folder {self.directory} has no {name}.",
                ["name a folder that `ocrm55 export` or PaddleOCR 3 wrote"],
            )
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty.", ["export the model again"])
        return path

    def _read_settings(self) -> dict[str, Any]:
        settings = plain_yaml.load(self.settings)
        if not isinstance(settings, dict):
            raise InputError(f"{self.settings} is not a description of a model.", _AGAIN)
        return settings

    def _read_program(self) -> _Program:
        try:
            program = json.loads(files.read_text(self.program))
            return _Program(*program_shapes(program), last_operator(program), *_parameter_bytes(program))
        except Exception as trouble:  # whatever other JSON than a program makes of the look-ups
            raise InputError(f"{self.program} is not a Paddle 3 program, or is cut short.", _AGAIN) from trouble

    def _check_weights(self, program: _Program) -> None:
        found = self.parameters.stat().st_size
        if not program.smallest <= found <= program.largest:
            raise InputError(
                f"{self.parameters} has {found} bytes where {self.program.name} needs about {program.smallest}: "
                "it is cut short or of another model.",
                ["export or copy the model again"],
            )


@dataclass(frozen=True)
class _Program:
    """Facts about a program: shapes (-1 is open), its last operator, and the bytes that its weights take."""

    inputs: list[list[int]]
    outputs: list[list[int]]
    last: str
    smallest: float
    largest: float


def _fits(found: list[int], wanted: list[int]) -> bool:
    """Whether a shape with open sizes (-1) fits the wanted one."""
    return len(found) == len(wanted) and all(have in (want, -1) for have, want in zip(found, wanted, strict=True))


def shapes_text(shapes: list[list[int]]) -> str:
    return " and ".join(str(shape) for shape in shapes) or "nothing"


def program_shapes(program: dict[str, Any]) -> tuple[list[list[int]], list[list[int]]]:
    """The shapes of the inputs and outputs in a Paddle 3 (PIR) program; -1 is a size that may vary.

    Raises LookupError, TypeError, ValueError or AttributeError when the JSON is not such a program.
    """
    shapes: dict[str, list[list[int]]] = {"data": [], "feed": [], "fetch": []}  # programs of Paddle 2 have `feed`
    for operation in program["program"]["regions"][0]["blocks"][0]["ops"]:
        kind = operation["#"].rpartition(".")[2]
        if kind in shapes:
            shapes[kind].append([int(size) for size in operation["O"][0]["TT"]["D"][1]])
    return shapes["data"] + shapes["feed"], shapes["fetch"]


def last_operator(program: dict[str, Any]) -> str:
    """Name of the operator that computes the output of a Paddle 3 program, such as `softmax`; empty without one.

    Raises LookupError, TypeError or AttributeError when the JSON is not such a program.
    """
    operations = program["program"]["regions"][0]["blocks"][0]["ops"]
    makers = {result["%"]: each for each in operations if isinstance(each["O"], list) for result in each["O"]}
    wanted = [each["I"][0]["%"] for each in operations if each["#"].rpartition(".")[2] == "fetch"]
    for _ in operations:
        maker = makers.get(wanted[0])
        kind = "" if maker is None else str(maker["#"]).rpartition(".")[2]
        if maker is None or kind not in ("scale", "assign"):  # Paddle 2 multiplies its output by 1
            return kind
        wanted = [maker["I"][0]["%"]]
    return ""


def _parameter_bytes(program: dict[str, Any]) -> tuple[float, float]:
    """The least and the most bytes that the parameters of a program take in one file, each with a small header."""
    sizes = {"0.t_f32": 4, "0.t_f16": 2, "0.t_bf16": 2, "0.t_f64": 8, "0.t_i64": 8, "0.t_i32": 4, "0.t_i8": 1}
    header = 1024
    total = count = 0
    for operation in program["program"]["regions"][0]["blocks"][0]["ops"]:
        if operation["#"] == "p":
            (element, shape, *_) = operation["O"]["TT"]["D"]
            if element["#"] not in sizes:
                return 0, math.inf
            total += sizes[element["#"]] * math.prod(shape)
            count += 1
    return total, total + header * count


@contextmanager
def new_folder(
    destination: Path, read: Callable[[Path], object] = PaddleFolder, source: Path | None = None
) -> Iterator[Path]:
    """Yield an empty folder that replaces `destination` at the end; a model card and other text files there stay.

    read: reads the new folder before it replaces anything; raises InputError if the folder is wrong. source: the file
    or folder that it is made of, which the error names then.
    """
    with files.atomic_directory(destination) as staging:
        yield staging
        try:
            read(staging)
        except InputError as trouble:
            named = destination if source is None else source
            place = re.escape(str(staging)) + (r"(?:/[\w.]+)?" if named.is_file() else "")
            raise InputError(re.sub(place, lambda _: str(named), trouble.sentence), trouble.tries) from trouble
        for path in destination.glob("*") if destination.is_dir() else ():
            if path.suffix in (".md", ".txt"):
                shutil.copy2(path, staging / path.name)


def save(network: nn.Layer, folder: Path, input_shape: Sequence[int], settings: str) -> None:
    """Write a network as the files of a model folder.

    input_shape: of its only input, -1 is a size that is left open. settings: the text of `inference.yml`.
    """
    import paddle

    exported = copy.deepcopy(network)  # tracing changes the network, and a training run exports and goes on
    exported.eval()
    for label, tensor in exported.state_dict().items():
        tensor.name = label  # the exported weights keep the names of their layers, down to the generated C
    static = paddle.jit.to_static(
        exported, input_spec=[paddle.static.InputSpec([*input_shape], "float32", name="x")], full_graph=True
    )
    paddle.jit.save(static, str(folder / STEM))
    (folder / SETTINGS).write_text(settings, encoding="utf-8")
