"""From a model to C, one line for each step."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from ocrm55 import temporary
from ocrm55.boards import MemoryMap
from ocrm55.compiler import arena_limit, artifact, check, host_check
from ocrm55.compiler.artifact import Contents, Written
from ocrm55.compiler.lowering import float32, legalise
from ocrm55.compiler.lowering.flat import FlatFunction
from ocrm55.compiler.lowering.int8 import walk as int8
from ocrm55.compiler.memory import placement
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.onnx_graph import entrance, frontend
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import PRECISIONS, CompileOptions
from ocrm55.compiler.quantization import calibration, fused, unfused
from ocrm55.compiler.quantization.fused import QuantizeOptions
from ocrm55.compiler.targets import costs
from ocrm55.compiler.targets.base import Target, agree
from ocrm55.compiler.targets.c.target import CTarget
from ocrm55.compiler.targets.cmsis_nn import target as cmsis_nn
from ocrm55.compiler.targets.ethos_u import regions, vela
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.compiler.targets.ethos_u.target import NpuTarget
from ocrm55.compiler.targets.m55.target import M55Target
from ocrm55.compiler.widths import padding, sharing
from ocrm55.compiler.widths.sharing import Fit
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.normalisation import Normalisation
from ocrm55.pictures import read_image
from ocrm55.tasks.base import Network, Task


def compile_model(source: Path, destination: Path, task: Task, options: CompileOptions | None = None) -> Written:
    """Compile a Paddle inference model folder, or an ONNX file, to C in the folder `destination`.

    task: what the network is for.

    Raises UnsupportedError for what cannot be compiled or does not fit the board, InputError for a broken model.
    """
    options = options or CompileOptions()
    check_npu(options)
    check_weights(options)
    memories = options.board.memories
    original = None if options.image is None else read_image(options.image)
    network = task.network(source)
    model = load(network, options)
    if options.precision == "int8":
        model = quantised(model, network, options.calibrate or task.calibration, options)
    targets = targets_for(options.precision, options.kernels, options.on_npu)
    fits = sharing.share(fits_of(memories, model, targets, options))
    program, plan = fits[-1].program, fits[-1].plan
    shape = output_shape(model, program)
    network.check_output(shape)
    if options.check and options.precision == "int8":
        check.check_int8(program, model, normalisation_of(model))
    on_npu = options.on_npu
    where = placement.place(program, plan.arena_bytes, memories, regions.constants(program, on_npu) if on_npu else None)
    _, *size = program.input_size
    picture = (
        None if original is None or options.image is None else (options.image.name, network.resize(original, *size))
    )
    kernels = sorted({name for target in targets for name in target.kernel_sources(program)})
    libraries = sorted({name for target in targets for name in target.libraries(program)})
    contents = Contents(
        model,
        network.extras(shape, options.decoder),
        kernels,
        picture,
        libraries,
        where,
        fits if len(fits) > 1 else (),
        on_npu,
    )

    def check_written(folder: Path) -> None:
        if options.check and not libraries and not on_npu:
            host_check.check_c(folder, program, model, normalisation_of(model))

    return artifact.write(program, plan, contents, destination, check_written)


def output_shape(model: onnx.ModelProto, program: Program) -> tuple[int, ...]:
    """The output's shape as the model declares it: a program in int8 has the channels of an image last."""
    declared = tuple(d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim)
    return declared if declared and all(declared) else program.output.shape


def fits_of(memories: MemoryMap, model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> list[Fit]:
    """The planned network at each requested width; by default only at the model's own width."""
    if options.widths:
        sharing.check(options.widths, model)
    if len(options.widths) < 2:
        program, plan = planned_for(memories, model, targets, options)
        return [Fit(program.input_size[2], program, plan)]
    if options.precision != "int8":
        raise UnsupportedError(
            "several widths need int8: the loops of float32 are made for one width.",
            ["--precision int8", "leave --widths out"],
        )
    # No planned_for: it would change only the widest's operators, and then nothing could be shared.
    programs = lowered_for(options.widths, model, options)
    return [Fit(width, *placed(lowered, targets, options)) for width, lowered in programs.items()]


def lowered_for(chosen: Iterable[int], model: onnx.ModelProto, options: CompileOptions) -> dict[int, Program]:
    """The network lowered for images of each width, as operators that a program for all of them can share.

    The option `kernels` chooses the targets, the same at all widths.
    """
    full = sharing.model_width(model)
    whole = to_program(model, options)
    steady = padding.steady_columns(whole)
    programs = {
        width: deepcopy(whole) if width == full else to_program(sharing.at_width(model, width), options)
        for width in chosen
    }
    for width, program in programs.items():
        padding.shorten(program, steady, width, full)
    agree(list(programs.values()), targets_for(options.precision, options.kernels))
    return programs


def planned_for(
    memories: MemoryMap, model: onnx.ModelProto, targets: list[Target], options: CompileOptions
) -> tuple[Program, MemoryPlan]:
    """`planned`; without a limit of the user's, aim at an arena in tightly coupled memory."""
    lowered, room = to_program(model, options), placement.arena_room(memories)
    if options.arena_limit is None and options.precision == "int8" and room and not options.npu:
        with suppress(UnsupportedError):  # of int8, `placed` plans copies
            return placed(lowered, targets, replace(options, arena_limit=room))
    return placed(lowered, targets, options)


def planned(model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> tuple[Program, MemoryPlan]:
    """Lower a model, give its operators to the targets and place its tensors, within the arena's limit if there is one.

    Raises UnsupportedError when the limit cannot be met.
    """
    return placed(to_program(model, options), targets, options)


def placed(lowered: Program, targets: list[Target], options: CompileOptions) -> tuple[Program, MemoryPlan]:
    """A lowered network with its operators given to targets and its tensors placed; raises as `planned` does."""
    check_interface(lowered)
    if options.on_npu:
        return planned_on_npu(lowered, targets, options.on_npu, options.arena_limit)
    choice = arena_limit.choose(lowered, targets, options.arena_limit)
    return choice.program, choice.plan


def planned_on_npu(
    lowered: Program, targets: list[Target], npu: NpuOptions, limit: int | None
) -> tuple[Program, MemoryPlan]:
    """The same with the NPU's regions: for speed, or for size if speed does not fit the arena's limit."""
    smallest = 0
    for strategy in vela.STRATEGIES if limit is not None else vela.STRATEGIES[:1]:
        choice = arena_limit.choose(regions.compile_regions(deepcopy(lowered), npu, strategy), targets, None)
        if limit is None or choice.arena_bytes <= limit:
            return choice.program, choice.plan
        smallest = min(smallest or choice.arena_bytes, choice.arena_bytes)
    raise UnsupportedError(
        f"the arena takes {smallest:,} bytes at least with the NPU; the limit is {limit:,}.",
        [f"--arena-limit {smallest}", "a narrower input", "leave --npu out"],
    )


def load(network: Network, options: CompileOptions | None = None) -> onnx.ModelProto:
    """The ONNX model of a network, with its normalisation noted in the metadata.

    Raises InputError for a height or width in the options that the network does not take.
    """
    options = options or CompileOptions()
    source = network.source
    if source.is_file():
        if options.height or options.width:
            raise InputError(f"the size of the input is written into {source}.", ["leave --height and --width out"])
        model = entrance.read(source)
    else:
        with temporary.folder() as folder:
            path = network.to_onnx(folder / "model.onnx", options.height, options.width)
            model = entrance.read(path)
    (Normalisation.of_model(model) or network.normalisation).write_to(model)
    return model


def quantised(model: onnx.ModelProto, network: Network, pictures: Path, options: CompileOptions) -> onnx.ModelProto:
    """The model as int8 QDQ; an already quantised model stays unchanged. pictures: a folder to calibrate on."""
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return model
    frontend.check_interface(model)
    inputs, normalisation = calibration_inputs(model, network, pictures), normalisation_of(model)
    graph, chosen = Graph(model), QuantizeOptions(input_range=normalisation.range)
    if options.npu:
        unfused.quantize(graph, inputs, chosen, halves_down=False)
    elif is_fused(options.kernels):
        fused.quantize(graph, inputs, chosen)
    else:
        unfused.quantize(
            graph, inputs, chosen, weights=options.weights, max_drop=options.int4_max_drop, merit=network.merit
        )
    int8_model = graph.model()
    normalisation.write_to(int8_model)
    return int8_model


def calibration_inputs(model: onnx.ModelProto, network: Network, pictures: Path) -> list[np.ndarray]:
    """The pictures of a folder as input tensors: float32 [1, 3, height, width]. Raises InputError."""
    height, width = (d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[2:])
    normalisation = normalisation_of(model)
    originals = (read_image(path) for path in calibration.images(pictures))
    return [normalisation.tensor(network.resize(pixels, height, width), height, width) for pixels in originals]


def normalisation_of(model: onnx.ModelProto) -> Normalisation:
    """The normalisation in the model's metadata; -1 .. 1 if there is none."""
    return Normalisation.of_model(model) or Normalisation()


def to_program(model: onnx.ModelProto, options: CompileOptions) -> Program:
    """Import and lower a model; its operators have no targets yet."""
    if options.precision not in PRECISIONS:
        raise UnsupportedError(f"there is no precision {options.precision}.", [f"--precision {PRECISIONS[0]}"])
    imported = frontend.load(model)
    function = FlatFunction(imported.module, imported.layers)
    if options.precision == "int8":
        program = int8.to_program(function, options.model_name)
    else:
        float32.lower(function)
        program = legalise.to_program(function, options.model_name, options.precision)
    program.normalisation = normalisation_of(model)
    program.prefix = options.prefix or program.prefix
    return program


def check_interface(program: Program) -> None:
    """Check that one image goes in and rows of numbers come out."""
    for what, shape, fits in (
        ("input", program.input.shape, len(program.input.shape) == 4 and program.input.shape[0] == 1),
        ("output", program.output.shape, len(program.output.shape) >= 2),
    ):
        if not fits:
            text = "x".join(str(extent) for extent in shape)
            raise UnsupportedError(
                f"the model's {what} is {text}; 1 x channels x height x width goes in, rows of numbers come out.",
                ["ocrm55 export"],
            )


def is_fused(kernels: tuple[str, ...]) -> bool:
    """Whether one kernel computes a convolution and its activation: our kernels do, CMSIS-NN does not."""
    return kernels != (cmsis_nn.NAME,)


def check_npu(options: CompileOptions) -> None:
    """Refuse options that do not go together with an NPU, before any work."""
    if options.on_npu is None:
        return
    if not options.board.has_npu:
        raise UnsupportedError(
            f"the board {options.board.name} has no NPU.", ["leave --npu out", "--board corstone300"]
        )
    if options.precision != "int8":
        raise UnsupportedError("the NPU computes int8.", ["--precision int8", "leave --npu out"])
    if len(options.widths) > 1:
        raise UnsupportedError(
            "several widths cannot share a program for the NPU: its command streams are made for one.",
            ["leave --widths out", "leave --npu out"],
        )
    vela.check(options.on_npu)


def check_weights(options: CompileOptions) -> None:
    """Refuse int4 for kernels that cannot compute with it, before any work."""
    if options.weights == "int8" and options.int4_max_drop is not None:
        raise UnsupportedError(
            "--int4-max-drop says what int4 weights may cost, and the weights are int8.", ["--weights int4"]
        )
    computed = options.precision == "int8" and options.kernels == (cmsis_nn.NAME,) and not options.npu
    if options.weights == "int8" or computed:
        return
    raise UnsupportedError(
        "only CMSIS-NN computes with int4 weights here.", [f"--kernels {cmsis_nn.NAME}", "--weights int8"]
    )


def targets_for(precision: str, kernels: tuple[str, ...] = ("m55",), on_npu: NpuOptions | None = None) -> list[Target]:
    """The targets that may compute operators, in order of preference."""
    if on_npu is not None:
        core = targets_for(precision, kernels)
        return [NpuTarget(core if on_npu.fallback else ()), *core]
    if precision != "int8":
        return [CTarget()]
    own: list[Target] = [M55Target(), CTarget()]
    if cmsis_nn.NAME not in kernels:
        return own
    library = cmsis_nn.CmsisNnTarget()
    return [costs.WhereCheaper(library, M55Target()) if is_fused(kernels) else library, *own]
