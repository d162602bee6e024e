"""From a model to C, one line a step."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import onnx

from ocrm55 import console, resources
from ocrm55.compiler import artifact, calibration, frontend, memory, overlap, signed
from ocrm55.compiler.artifact import Artifact, Contents
from ocrm55.compiler.lowering import float32, int8, legalise
from ocrm55.compiler.lowering.flat import FlatFunction
from ocrm55.compiler.memory import MemoryPlan
from ocrm55.compiler.program import Program
from ocrm55.compiler.quantize import quantize
from ocrm55.compiler.targets.base import Target, assign
from ocrm55.compiler.targets.c import CTarget
from ocrm55.compiler.targets.m55 import M55Target
from ocrm55.errors import InputError, ToolchainError, UnsupportedError
from ocrm55.recognizer import image
from ocrm55.recognizer.charset import load_charset

BOARD = "corstone300"
PRECISIONS = ("int8", "float32")


@dataclass(frozen=True)
class CompileOptions:
    """What the generated C depends on besides the model.

    image: an image file to compile in, for boards without a host. board: whose memory.json the program must fit.
    calibrate: a folder of images to quantise on, instead of the bundled ones. arena_limit: the most bytes that the
    arena may take.
    """

    model_name: str = "en_ppocrv3_rec"
    precision: str = "float32"
    image: Path | None = None
    board: str = BOARD
    calibrate: Path | None = None
    arena_limit: int | None = None


def compile_model(source: Path, destination: Path, options: CompileOptions | None = None) -> Artifact:
    """Compile a Paddle inference model folder, or an ONNX file, to C in the folder `destination`.

    Raises UnsupportedError for what cannot be compiled or does not fit the board, InputError for a broken model.
    """
    options = options or CompileOptions()
    picture = None if options.image is None else (options.image.name, image.resize(image.read_image(options.image)))
    model = load(source)
    if options.precision == "int8":
        model = quantised(model, options)
    targets = targets_for(options.precision)
    program, plan = planned(model, targets, options)
    weight_bytes = sum(tensor.bytes for tensor in program.weights())
    check_fit(plan, weight_bytes, options.board)
    kernels = sorted({name for target in targets for name in target.kernel_sources(program)})
    contents = Contents(model, labels_of(source, program), kernels, picture)
    return artifact.write(program, plan, contents, destination)


def planned(model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> tuple[Program, MemoryPlan]:
    """Lower a model, give its operators to the targets and place its tensors, within the arena's limit if there is one.

    The limit is met by letting pointwise layers write over their inputs, in chunks that are as large as it allows.
    Raises UnsupportedError when it cannot be met.
    """
    program, plan = _planned(model, targets, options, None)
    limit = options.arena_limit
    if limit is None or plan.arena_bytes <= limit:
        return program, plan
    smallest = whole = plan.arena_bytes
    for chunk_bytes in overlap.CHUNK_BYTES if options.precision == "int8" else ():
        program, plan = _planned(model, targets, options, chunk_bytes)
        if plan.arena_bytes <= limit:
            again = overlap.reread_bytes(program)
            console.note(f"arena {plan.arena_bytes:,} instead of {whole:,} bytes; weights read again: {again:,} bytes")
            return program, plan
        smallest = min(smallest, plan.arena_bytes)
    raise UnsupportedError(
        f"the arena takes {smallest:,} bytes at least; the limit is {limit:,}.",
        [f"--arena-limit {smallest}", "a narrower input"],
    )


def _planned(
    model: onnx.ModelProto, targets: list[Target], options: CompileOptions, chunk_bytes: int | None
) -> tuple[Program, MemoryPlan]:
    program = to_program(model, options)
    check_interface(program)
    if chunk_bytes is not None and options.arena_limit is not None:
        overlap.apply(program, chunk_bytes, options.arena_limit * 7 // 8)
    assign(program, targets)
    return program, memory.plan(program)


def load(source: Path) -> onnx.ModelProto:
    """The ONNX model of a Paddle inference model folder, or of an ONNX file."""
    if source.is_file():
        return frontend.read_onnx(source)
    from ocrm55.export.onnx_model import to_onnx

    with tempfile.TemporaryDirectory() as folder:
        return frontend.read_onnx(to_onnx(source, Path(folder) / "model.onnx"))


def quantised(model: onnx.ModelProto, options: CompileOptions) -> onnx.ModelProto:
    """The model as int8 QDQ; one that is quantised already stays as it is."""
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return model
    frontend.check_interface(model)
    width = model.graph.input[0].type.tensor_type.shape.dim[3].dim_value
    return quantize(model, calibration.tensors(calibration.images(options.calibrate), width))


def to_program(model: onnx.ModelProto, options: CompileOptions) -> Program:
    """Import and lower a model; nobody computes its operators yet."""
    if options.precision not in PRECISIONS:
        raise UnsupportedError(f"precision {options.precision} is not there.", [f"--precision {PRECISIONS[0]}"])
    imported = frontend.load(signed.to_int8(model))
    function = FlatFunction(imported.module, imported.layers)
    if options.precision == "int8":
        return int8.to_program(function, options.model_name)
    float32.lower(function)
    return legalise.to_program(function, options.model_name, options.precision)


def check_interface(program: Program) -> None:
    """The firmware hands over one image and reads classes step by step."""
    for what, shape, fits in (
        ("input", program.input.shape, len(program.input.shape) == 4 and program.input.shape[0] == 1),
        ("output", program.output.shape, len(program.output.shape) >= 2),
    ):
        if not fits:
            text = "x".join(str(extent) for extent in shape)
            raise UnsupportedError(
                f"the model's {what} is {text}; 1 x channels x height x width goes in, steps x classes come out.",
                ["ocrm55 export"],
            )


def targets_for(precision: str) -> list[Target]:
    """Who may compute operators, in order of preference."""
    return [M55Target(), CTarget()] if precision == "int8" else [CTarget()]


def labels_of(source: Path, program: Program) -> list[str]:
    """The characters of the classes: of the model folder, or the bundled English ones for a bare ONNX file."""
    if source.is_dir():
        from ocrm55.export.paddle_model import PaddleModel

        labels = list(PaddleModel(source).charset)
    else:
        labels = load_charset()
    classes = program.output.shape[-1]
    if len(labels) != classes:
        raise InputError(
            f"{source} has {classes} classes and a charset of {len(labels)} characters.", ["export the model again"]
        )
    return labels


def check_fit(plan: MemoryPlan, weight_bytes: int, board: str) -> None:
    """Refuse a program whose arena or weights are larger than the memory that the board has for them."""
    try:
        path = resources.folder("firmware") / "platform" / board / "memory.json"
    except ToolchainError:
        return
    if not path.exists():
        return
    layout = json.loads(path.read_text())
    sizes = {region["name"]: int(region["bytes"]) for region in layout["regions"]}
    needs = {"arena": ("arena", plan.arena_bytes), "weights": ("weights", weight_bytes)}
    for what, (key, needed) in needs.items():
        region = layout["placement"][key]
        if needed > sizes[region]:
            raise UnsupportedError(
                f"the {what} take {needed:,} bytes; {region} of {board} has {sizes[region]:,}.",
                ["a narrower input", "--precision int8", f"place the {what} elsewhere in {path.name}"],
            )
