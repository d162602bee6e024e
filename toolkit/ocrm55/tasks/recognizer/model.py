"""The recognizer's model folder: its characters, the size of its images, and the check for CTC's classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ocrm55 import console
from ocrm55.errors import InputError
from ocrm55.export import onnx_model
from ocrm55.export.paddle_folder import PROGRAM, SETTINGS, STEM, PaddleFolder, new_folder, save, shapes_text
from ocrm55.normalisation import Normalisation
from ocrm55.tasks.base import Look
from ocrm55.tasks.recognizer import onnx_file
from ocrm55.tasks.recognizer.charset import checked, with_blank_and_space
from ocrm55.tasks.recognizer.confidence import Calibration
from ocrm55.tasks.recognizer.decoding import LEAD
from ocrm55.tasks.recognizer.image import HEIGHT, WIDTH

if TYPE_CHECKING:
    from paddle import nn

BUNDLED = "en_ppocrv3_rec"  # in models/
FAST = "en_ppocrv6_tiny_rec"  # there too: a quarter of the work
CAME = {"bundled": BUNDLED, "fast": FAST}  # the user's words for what came with ocrm55
MODEL_NAME = "en_PP-OCRv3_mobile_rec"  # PaddleOCR 3's name of the network; TextRecognition asks for it
# The user's words for what is fetched -> PaddleOCR 3's names of recognizers that compile.
OFFICIAL = {"pp-ocrv3": MODEL_NAME} | {
    name: name
    for name in (
        MODEL_NAME,
        "latin_PP-OCRv3_mobile_rec",
        "PP-OCRv3_mobile_rec",
        "en_PP-OCRv4_mobile_rec",
        "PP-OCRv4_mobile_rec",
        "en_PP-OCRv5_mobile_rec",
        "latin_PP-OCRv5_mobile_rec",
        "PP-OCRv5_mobile_rec",
        "PP-OCRv6_tiny_rec",
        "PP-OCRv6_small_rec",
    )
}
ONNX = f"{STEM}.onnx"  # in a folder of a model that comes as an ONNX file


class RecognizerFolder(PaddleFolder):
    """A model folder of a text recognizer: one image as input, CTC's classes step by step as output.

    dictionary: characters of the settings. charset: classes in the order of the output, index 0 the blank "".
    input_shape: (channels, height, width) that the settings ask for; (3, 48, 320) of PP-OCRv3.
    levels: what the bytes of an image become.
    lead: by which a reading at less than full width stands, see decoding.LEAD; of the settings, where they say it.
    gives_logits: whether the network ends before the softmax that PaddleOCR's heads end with.
    is_onnx: whether the program is an ONNX file, which has its weights inside.

    Raises InputError, in one sentence, when a file is missing, cut short or of another kind of model.
    """

    def __init__(self, directory: Path) -> None:
        program = Path(directory) / ONNX
        self.is_onnx = program.is_file() and not (Path(directory) / PROGRAM).exists()
        if not self.is_onnx:
            super().__init__(directory)
            return
        self.directory, self.program = Path(directory), program
        self.settings = self._file(SETTINGS)
        self.described = self._read_settings()
        self._check_settings()
        found = onnx_file.read(program)
        self.inputs, self.outputs, self.last = found.inputs, found.outputs, found.last
        if len(self.outputs) == 1 and len(self.outputs[0]) == 3 and self.outputs[0][2] < 1:
            self.outputs[0][2] = onnx_file.classes(program, (1, *self.input_shape))
        self._check_program()

    @property
    def files(self) -> list[Path]:
        return [self.program, self.settings] if self.is_onnx else super().files

    def _check_settings(self) -> None:
        self.dictionary = self._characters()
        self.lead = _share(self.described["PostProcess"].get("least_lead", LEAD), self.settings)
        self.calibrations = _calibrations(self.described["PostProcess"].get("confidence", {}), self.settings)
        self.input_shape = self._input_shape()
        self.levels = self.normalisation or Normalisation()  # RecResizeImg maps to -1 .. 1 by itself

    def _check_program(self) -> None:
        self.gives_logits = self.last in ("add", "matmul")
        self.check_size(*self.input_shape[1:])
        self.charset = self._charset(self.dictionary, self.outputs)

    def sized(self, height: int | None = None, width: int | None = None) -> tuple[int, int]:
        """Height and width of the input in pixels: those of the settings, or others that the network takes as well.

        Raises InputError if the program has a fixed other size, or if no recognizer has this size.
        """
        size = (height or self.input_shape[1], width or self.input_shape[2])
        self.check_size(*size)
        return size

    def check_output(self, shape: Sequence[int]) -> None:
        """Raise InputError unless the output is one row of classes for each step."""
        if len(shape) != 3 or shape[0] != 1 or shape[1] < 1:
            raise InputError(
                f"{self.program} gives {list(shape)} for one image, not [1, steps, classes].",
                ["choose a height and a width that the network was made for", "export or copy the model again"],
            )
        if shape[2] != len(self.charset):
            raise InputError(
                f"{self.program} has {shape[2]} classes, but {self.settings.name} names {len(self.charset)}.",
                ["--dict FILE, the dictionary that the model was trained with"],
            )

    def _characters(self) -> list[str]:
        post = self.described.get("PostProcess")
        post = post if isinstance(post, dict) else {}
        characters = post.get("character_dict")
        if post.get("name") != "CTCLabelDecode" or not isinstance(characters, list) or not characters:
            raise InputError(
                f"{self.settings} does not describe a text recognizer with CTC (PostProcess: CTCLabelDecode with a "
                "character_dict).",
                ["choose a text recognition model, such as en_PP-OCRv3_mobile_rec"],
            )
        return checked(characters, f"the character_dict of {self.settings}")

    def _input_shape(self) -> tuple[int, int, int]:
        shape = (self.operation("RecResizeImg") or {}).get("image_shape")
        sizes = [_pixels(size) for size in shape] if isinstance(shape, list) and len(shape) == 3 else []
        if sizes[:1] != [3] or 0 in sizes:
            raise InputError(
                f"{self.settings} asks for images of {str(shape)[:80]}; a recognizer takes [3, height, width].",
                ["choose a text recognition model", "PreProcess: RecResizeImg with an image_shape says the size"],
            )
        return (3, sizes[1], sizes[2])

    def _charset(self, characters: list[str], outputs: list[list[int]]) -> list[str]:
        """The classes: PaddleOCR adds a space to the dictionary, unless the network has no class for it."""
        if len(outputs) != 1 or len(outputs[0]) != 3:
            raise InputError(
                f"{self.program} gives {shapes_text(outputs)}, not one [1, steps, classes].",
                ["choose a text recognition model"],
            )
        classes = outputs[0][2]
        if classes == len(characters) + 1:
            return ["", *characters]
        if classes not in (len(characters) + 2, -1):
            raise InputError(
                f"{self.program} has {classes} classes, but {self.settings.name} names "
                f"{len(characters) + 2} (blank, {len(characters)} characters, space).",
                ["--dict FILE, the dictionary that the model was trained with"],
            )
        return with_blank_and_space(characters)


def _share(value: object, settings: Path) -> float:
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise InputError(
            f"{settings} has a least_lead that is no number from 0 to 1.", ["export or copy the model again"]
        )
    return number


def _calibrations(found: object, settings: Path) -> dict[str, Calibration]:
    """What makes a probability of a text's confidence, by the decoder; none where the settings say nothing."""
    try:
        rows = {str(name): [float(str(each)) for each in row] for name, row in dict(found).items()}  # type: ignore[call-overload]
        if not all(len(row) == 3 and all(abs(each) < 1e6 for each in row) for row in rows.values()):
            raise ValueError
    except (TypeError, ValueError) as trouble:
        what = "a confidence that is not three numbers for each decoder"
        raise InputError(f"{settings} has {what}.", ["export or copy the model again"]) from trouble
    return {name: Calibration(*row) for name, row in rows.items()}


def _pixels(text: object) -> int:
    """A size in the settings; 0 for anything else."""
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 6 else 0


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


def write(
    network: nn.Layer,
    characters: Sequence[str],
    destination: Path,
    *,
    size: tuple[int, int] = (HEIGHT, WIDTH),
    name: str = MODEL_NAME,
) -> RecognizerFolder:
    """Write a network as a Paddle inference model folder, whole or not at all, and read it back.

    characters: the dictionary without blank and without the space that PaddleOCR adds. size: height and width of the
    images that it was made for. name: PaddleOCR's name for the model.
    The input is [batch, 3, height, width] with batch and width left open, as PaddleOCR's TextRecognition needs it.
    """
    with new_folder(destination, RecognizerFolder) as staging:
        save(network, staging, [-1, 3, size[0], -1], settings_text(characters, size, name))
    return RecognizerFolder(destination)


def to_onnx(
    model_dir: Path,
    destination: Path,
    input_shape: Sequence[int] | None = None,
    *,
    check: bool = True,
    look: Look | None = None,
) -> Path:
    """Convert a recognizer's folder to an ONNX file, see ocrm55.export.onnx_model.

    input_shape: of the image, the one that the folder's settings ask for by default. look: sees the file before it is
    compared with the original.
    A network that ends with logits gets the softmax that turns them into probabilities.

    Raises InputError for a folder that is no recognizer, ToolchainError when paddle2onnx fails or the check does.
    """
    model = RecognizerFolder(model_dir)
    shape = (1, *model.input_shape) if input_shape is None else tuple(input_shape)
    model.sized(*shape[2:])
    if model.gives_logits:
        console.note(f"{model.directory} ends with logits; a softmax is added, so that scores are probabilities.")
    if model.is_onnx:
        return onnx_model.file_to_onnx(
            model.program, destination, shape,
            check_output=model.check_output, with_softmax=model.gives_logits, look=look,
        )  # fmt: skip
    return onnx_model.to_onnx(
        model, destination, shape,
        check_output=model.check_output, with_softmax=model.gives_logits, check=check, look=look,
    )  # fmt: skip
