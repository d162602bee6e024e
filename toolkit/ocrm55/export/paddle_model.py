"""The Paddle inference model folder as PaddleOCR 3 writes it: inference.json, inference.pdiparams, inference.yml."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.recognizer.charset import with_blank_and_space
from ocrm55.recognizer.image import HEIGHT, WIDTH

if TYPE_CHECKING:
    from ocrm55.recognizer.network import Recognizer

MODEL_NAME = "en_PP-OCRv3_mobile_rec"  # PaddleOCR 3's name of the network; TextRecognition asks for it
STEM = "inference"
SETTINGS = f"{STEM}.yml"
PARAMETERS = f"{STEM}.pdiparams"
PROGRAM = f"{STEM}.json"
OLD_PROGRAM = f"{STEM}.pdmodel"  # of Paddle 2; ocrm55.export.sources converts it


class PaddleModel:
    """A model folder that was read and found to be an English recognizer's, or like one.

    directory: the folder.
    program, parameters, settings: its three files; `files` lists them.
    charset: classes in the order of the output, index 0 the blank "".
    input_shape: (channels, height, width) that the settings ask for, (3, 48, 320).

    Raises InputError, in one sentence, when a file is missing, cut short or of another kind of model.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        if not self.directory.is_dir():
            what = "is a file, not a model folder" if self.directory.exists() else "does not exist"
            raise InputError(f"the model folder {self.directory} {what}.", ["ocrm55 export writes one"])
        self.program = self._file(PROGRAM)
        self.parameters = self._file(PARAMETERS)
        self.settings = self._file(SETTINGS)
        settings = self._read_settings()
        self.charset = self._charset(settings)
        self.input_shape = self._input_shape(settings)
        self._check_program()

    @property
    def files(self) -> list[Path]:
        """The files that make up the model."""
        return [self.program, self.parameters, self.settings]

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
        try:
            settings = yaml.safe_load(self.settings.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as trouble:
            raise InputError(f"{self.settings} is not a YAML file that can be read.") from trouble
        if not isinstance(settings, dict):
            raise InputError(f"{self.settings} is not a description of a model.")
        return settings

    def _charset(self, settings: dict[str, Any]) -> list[str]:
        post = settings.get("PostProcess")
        post = post if isinstance(post, dict) else {}
        characters = post.get("character_dict")
        if post.get("name") != "CTCLabelDecode" or not isinstance(characters, list) or not characters:
            raise InputError(
                f"{self.settings} does not describe a text recognizer with CTC (PostProcess: CTCLabelDecode with a "
                "character_dict).",
                ["choose a text recognition model, such as en_PP-OCRv3_mobile_rec"],
            )
        # YAML reads an unquoted digit as a number; PaddleOCR quotes them, people who edit the file do not.
        return with_blank_and_space([str(character) for character in characters])

    def _input_shape(self, settings: dict[str, Any]) -> tuple[int, int, int]:
        wanted = [3, HEIGHT, WIDTH]
        try:
            operations = settings["PreProcess"]["transform_ops"]
            shape = next(each["RecResizeImg"]["image_shape"] for each in operations if "RecResizeImg" in each)
        except (LookupError, TypeError, StopIteration):
            shape = None
        if shape != wanted:
            raise InputError(
                f"{self.settings} asks for images of {shape!r}; the recognizer takes {wanted}.",
                ["choose a PP-OCRv3 recognition model"],
            )
        return (3, HEIGHT, WIDTH)

    def _check_program(self) -> None:
        try:
            program = json.loads(self.program.read_text(encoding="utf-8"))
            inputs, outputs = program_shapes(program)
            smallest, largest = _parameter_bytes(program)
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as trouble:
            raise InputError(
                f"{self.program} is not a Paddle 3 program, or is cut short.", ["export the model again"]
            ) from trouble
        wanted = [1, *self.input_shape]
        if len(inputs) != 1 or not _fits(inputs[0], wanted):
            raise InputError(
                f"{self.program} takes {_shapes(inputs)}, not one image {wanted}.",
                ["choose a PP-OCRv3 recognition model"],
            )
        if len(outputs) != 1 or len(outputs[0]) != 3:
            raise InputError(f"{self.program} gives {_shapes(outputs)}, not one [1, steps, classes].")
        if outputs[0][2] not in (len(self.charset), -1):
            raise InputError(
                f"{self.program} tells {outputs[0][2]} classes apart, but {self.settings.name} names "
                f"{len(self.charset)} (blank, {len(self.charset) - 2} characters, space).",
                ["use the dictionary that the model was trained with"],
            )
        found = self.parameters.stat().st_size
        if not smallest <= found <= largest:
            raise InputError(
                f"{self.parameters} has {found} bytes where {self.program.name} needs about {smallest}: "
                "it is cut short or of another model.",
                ["export or copy the model again"],
            )


def _fits(found: list[int], wanted: list[int]) -> bool:
    """Whether a shape with open sizes (-1) can be the wanted one."""
    return len(found) == len(wanted) and all(have in (want, -1) for have, want in zip(found, wanted, strict=True))


def _shapes(shapes: list[list[int]]) -> str:
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


def describe(characters: Sequence[str]) -> dict[str, Any]:
    """The content of `inference.yml`, in the order in which PaddleOCR's own export writes it."""
    shapes = {"x": [[1, 3, HEIGHT, WIDTH // 2], [1, 3, HEIGHT, WIDTH], [8, 3, HEIGHT, 10 * WIDTH]]}
    return {
        "Global": {"model_name": MODEL_NAME},
        "Hpi": {
            "backend_configs": {
                "paddle_infer": {"trt_dynamic_shapes": shapes},
                "tensorrt": {
                    "dynamic_shapes": {name: [list(shape) for shape in each] for name, each in shapes.items()}
                },
            }
        },
        "PreProcess": {
            "transform_ops": [
                {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}},
                {"MultiLabelEncode": None},
                {"RecResizeImg": {"image_shape": [3, HEIGHT, WIDTH]}},
                {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_sar", "length", "valid_ratio"]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(characters)},
    }


def settings_text(characters: Sequence[str]) -> str:
    """The text of `inference.yml` for a dictionary without blank and without the space that PaddleOCR adds."""
    return yaml.safe_dump(describe(characters), sort_keys=False, allow_unicode=True, default_flow_style=False)


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """An empty folder that replaces `destination` at the end; a model card and other text files in there stay."""
    with files.atomic_directory(destination) as staging:
        yield staging
        PaddleModel(staging)
        for path in destination.glob("*") if destination.is_dir() else ():
            if path.suffix in (".md", ".txt"):
                shutil.copy2(path, staging / path.name)


def write(network: Recognizer, characters: Sequence[str], destination: Path) -> PaddleModel:
    """Write a network as a Paddle inference model folder, whole or not at all, and read it back.

    characters: the dictionary without blank and without the space that PaddleOCR adds.
    The input is [batch, 3, 48, width] with batch and width left open, as PaddleOCR's TextRecognition needs it.
    """
    import paddle

    exported = copy.deepcopy(network)  # tracing changes what it traces; a training run exports and goes on
    exported.eval()
    for name, tensor in exported.state_dict().items():
        tensor.name = name  # the exported weights keep the names of their layers, down to the generated C
    static = paddle.jit.to_static(
        exported,
        input_spec=[paddle.static.InputSpec([-1, 3, HEIGHT, -1], "float32", name="x")],
        full_graph=True,
    )
    with new_folder(destination) as staging:
        paddle.jit.save(static, str(staging / STEM))
        (staging / SETTINGS).write_text(settings_text(characters), encoding="utf-8")
    return PaddleModel(destination)
