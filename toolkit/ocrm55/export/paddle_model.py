"""The Paddle inference model folder as PaddleOCR 3 writes it: inference.json, inference.pdiparams, inference.yml."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ocrm55 import files
from ocrm55.errors import InputError
from ocrm55.tasks.recognizer.charset import with_blank_and_space
from ocrm55.tasks.recognizer.image import HEIGHT, WIDTH

if TYPE_CHECKING:
    from paddle import nn

MODEL_NAME = "en_PP-OCRv3_mobile_rec"  # PaddleOCR 3's name of the network; TextRecognition asks for it
STEM = "inference"
SETTINGS = f"{STEM}.yml"
PARAMETERS = f"{STEM}.pdiparams"
PROGRAM = f"{STEM}.json"
SIZES = (16, 2048)  # pixels that height and width of an input may have
MOST_CLASSES = 65535  # the firmware keeps a class in 16 bits
_LINE_ENDS = "\0\n\r"
_AGAIN = ["export or copy the model again"]
OLD_PROGRAM = f"{STEM}.pdmodel"  # of Paddle 2; ocrm55.export.sources converts it


class PaddleModel:
    """A model folder that was read and found to be a text recognizer's: one image in, CTC's classes step by step out.

    directory: the folder.
    program, parameters, settings: its three files; `files` lists them.
    charset: classes in the order of the output, index 0 the blank "".
    input_shape: (channels, height, width) that the settings ask for; (3, 48, 320) of PP-OCRv3.
    gives_logits: whether the network ends before the softmax that PaddleOCR's heads end with.

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
        characters = self._characters(settings)
        self.input_shape = self._input_shape(settings)
        program = self._read_program()
        self._inputs, self.gives_logits = program.inputs, program.last in ("add", "matmul")
        self._check_size(*self.input_shape[1:])
        self.charset = self._charset(characters, program.outputs)
        self._check_weights(program)

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

    def sized(self, height: int | None = None, width: int | None = None) -> tuple[int, int]:
        """Height and width of the input in pixels: those of the settings, or others that the network takes as well.

        Raises InputError for a size that is written into the program, or that no recognizer has.
        """
        size = (height or self.input_shape[1], width or self.input_shape[2])
        self._check_size(*size)
        return size

    def _read_settings(self) -> dict[str, Any]:
        try:
            settings = yaml.safe_load(self.settings.read_text(encoding="utf-8"))
        except Exception as trouble:  # the parser's own errors, and whatever a damaged number or date raises in it
            raise InputError(f"{self.settings} is not a YAML file that can be read.", _AGAIN) from trouble
        if not isinstance(settings, dict):
            raise InputError(f"{self.settings} is not a description of a model.", _AGAIN)
        return settings

    def _characters(self, settings: dict[str, Any]) -> list[str]:
        post = settings.get("PostProcess")
        post = post if isinstance(post, dict) else {}
        characters = post.get("character_dict")
        if post.get("name") != "CTCLabelDecode" or not isinstance(characters, list) or not characters:
            raise InputError(
                f"{self.settings} does not describe a text recognizer with CTC (PostProcess: CTCLabelDecode with a "
                "character_dict).",
                ["choose a text recognition model, such as en_PP-OCRv3_mobile_rec"],
            )
        if len(characters) > MOST_CLASSES - 2:
            raise InputError(f"{self.settings} names {len(characters)} characters; {MOST_CLASSES - 2} is the most.")
        for number, character in enumerate(characters, 1):
            # YAML reads an unquoted digit as a number; PaddleOCR quotes them, people who edit the file do not.
            text = str(character) if isinstance(character, str | int | float) else None
            if text is None or any(c in _LINE_ENDS or 0xD800 <= ord(c) < 0xE000 for c in text):
                raise InputError(
                    f"character {number} in the character_dict of {self.settings} is no text that a line can hold.",
                    ["use the dictionary that the model was trained with"],
                )
        return [str(character) for character in characters]

    def _input_shape(self, settings: dict[str, Any]) -> tuple[int, int, int]:
        try:
            operations = settings["PreProcess"]["transform_ops"]
            shape = next(each["RecResizeImg"]["image_shape"] for each in operations if "RecResizeImg" in each)
        except (LookupError, TypeError, StopIteration):
            shape = None
        whole = isinstance(shape, list) and len(shape) == 3 and all(type(size) is int for size in shape)
        if not whole or shape[0] != 3:
            raise InputError(
                f"{self.settings} asks for images of {str(shape)[:80]}; a recognizer takes [3, height, width].",
                ["choose a text recognition model", "PreProcess: RecResizeImg with an image_shape says the size"],
            )
        return (3, shape[1], shape[2])

    def _read_program(self) -> _Program:
        try:
            program = json.loads(self.program.read_text(encoding="utf-8"))
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

    def _charset(self, characters: list[str], outputs: list[list[int]]) -> list[str]:
        """The classes: PaddleOCR adds a space to the dictionary, unless the network has no class for it."""
        if len(outputs) != 1 or len(outputs[0]) != 3:
            raise InputError(
                f"{self.program} gives {_shapes(outputs)}, not one [1, steps, classes].",
                ["choose a text recognition model"],
            )
        classes = outputs[0][2]
        if classes == len(characters) + 1:
            return ["", *characters]
        if classes not in (len(characters) + 2, -1):
            raise InputError(
                f"{self.program} tells {classes} classes apart, but {self.settings.name} names "
                f"{len(characters) + 2} (blank, {len(characters)} characters, space).",
                ["use the dictionary that the model was trained with"],
            )
        return with_blank_and_space(characters)

    def _check_size(self, height: int, width: int) -> None:
        least, most = SIZES
        if not all(least <= size <= most for size in (height, width)):
            raise InputError(
                f"images of {height} rows and {width} columns cannot be read: both lie between {least} and {most}.",
                [f"{self.settings} says the size that the model was trained with"],
            )
        wanted = [1, 3, height, width]
        if len(self._inputs) != 1 or not _fits(self._inputs[0], wanted):
            raise InputError(
                f"{self.program} takes {_shapes(self._inputs)}, not one image {wanted}.",
                ["choose a text recognition model", "leave --height and --width out"],
            )


@dataclass(frozen=True)
class _Program:
    """What a program says of itself: shapes (-1 is open), its last operator, and how many bytes its weights take."""

    inputs: list[list[int]]
    outputs: list[list[int]]
    last: str
    smallest: float
    largest: float


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
        if maker is None or kind not in ("scale", "assign"):  # Paddle 2 multiplies what it gives back by 1
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


def describe(characters: Sequence[str], size: tuple[int, int] = (HEIGHT, WIDTH), name: str = MODEL_NAME) -> dict:
    """The content of `inference.yml`, in the order in which PaddleOCR's own export writes it."""
    height, width = size
    shapes = {"x": [[1, 3, height, width // 2], [1, 3, height, width], [8, 3, height, 10 * width]]}
    return {
        "Global": {"model_name": name},
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
                {"RecResizeImg": {"image_shape": [3, height, width]}},
                {"KeepKeys": {"keep_keys": ["image", "label_ctc", "label_sar", "length", "valid_ratio"]}},
            ]
        },
        "PostProcess": {"name": "CTCLabelDecode", "character_dict": list(characters)},
    }


def settings_text(characters: Sequence[str], size: tuple[int, int] = (HEIGHT, WIDTH), name: str = MODEL_NAME) -> str:
    """The text of `inference.yml` for a dictionary without blank and without the space that PaddleOCR adds."""
    values = describe(characters, size, name)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=False)


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """An empty folder that replaces `destination` at the end; a model card and other text files in there stay."""
    with files.atomic_directory(destination) as staging:
        yield staging
        PaddleModel(staging)
        for path in destination.glob("*") if destination.is_dir() else ():
            if path.suffix in (".md", ".txt"):
                shutil.copy2(path, staging / path.name)


def write(
    network: nn.Layer,
    characters: Sequence[str],
    destination: Path,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    name: str = MODEL_NAME,
) -> PaddleModel:
    """Write a network as a Paddle inference model folder, whole or not at all, and read it back.

    characters: the dictionary without blank and without the space that PaddleOCR adds. size: height and width of the
    images that it was made for. name: what PaddleOCR is to call the model.
    The input is [batch, 3, height, width] with batch and width left open, as PaddleOCR's TextRecognition needs it.
    """
    import paddle

    exported = copy.deepcopy(network)  # tracing changes what it traces; a training run exports and goes on
    exported.eval()
    for label, tensor in exported.state_dict().items():
        tensor.name = label  # the exported weights keep the names of their layers, down to the generated C
    static = paddle.jit.to_static(
        exported,
        input_spec=[paddle.static.InputSpec([-1, 3, size[0], -1], "float32", name="x")],
        full_graph=True,
    )
    with new_folder(destination) as staging:
        paddle.jit.save(static, str(staging / STEM))
        (staging / SETTINGS).write_text(settings_text(characters, size, name), encoding="utf-8")
    return PaddleModel(destination)
