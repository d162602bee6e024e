"""From a model to C, one line for each step."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import onnx

from ocrm55 import temporary
from ocrm55.boards import MemoryMap
from ocrm55.compiler import arena_limit, artifact, check, host_check
from ocrm55.compiler.arena_limit import ArenaLimitError
from ocrm55.compiler.artifact import Contents, Written
from ocrm55.compiler.c_language import names
from ocrm55.compiler.lowering import float32, legalise
from ocrm55.compiler.lowering.flat import FlatFunction
from ocrm55.compiler.lowering.int8 import walk as int8
from ocrm55.compiler.memory import output_rows, placement
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.onnx_graph import bounds, entrance, frontend
from ocrm55.compiler.onnx_graph.graph import Graph
from ocrm55.compiler.operators.program import Program
from ocrm55.compiler.options import PRECISIONS, CompileOptions
from ocrm55.compiler.quantization import calibration, fused, int8_output, unfused
from ocrm55.compiler.quantization.fused import QuantizeOptions
from ocrm55.compiler.targets import choice
from ocrm55.compiler.targets.base import Target, agree
from ocrm55.compiler.widths import padding, sharing
from ocrm55.compiler.widths.sharing import Fit
from ocrm55.errors import InputError, Ocrm55Error, UnsupportedError
from ocrm55.normalisation import Normalisation
from ocrm55.pictures import read_image
from ocrm55.restriction import UNRESTRICTED
from ocrm55.tasks.base import Look, Network, Task

LIVE_TENSORS = 3  # of the largest, that an arena may hold at once
WIDTH_STEP = 32  # pixels: of a width that is named because it fits


Fits = tuple[list[Fit], placement.Placement]


@np.errstate(all="ignore")  # what is no finite number is refused where it matters
def compile_model(source: Path, destination: Path, task: Task, options: CompileOptions | None = None) -> Written:
    """Compile a Paddle inference model folder, or an ONNX file, to C in the folder `destination`.

    task: what the network is for.

    Raises UnsupportedError for what cannot be compiled or does not fit the board, InputError for a broken model.
    """
    options = options or CompileOptions()
    choice.check(options)
    original = None if options.image is None else read_image(options.image)
    network = task.network(source).restricted(options.restriction)
    targets, pictures = choice.targets_for(options), options.calibrate or task.calibration
    early: Fits | None = None
    looked = False

    def look(path: Path) -> None:
        nonlocal early, looked
        early, looked = sized(read(path, network), network, targets, pictures, options), True

    model = load(network, options, look)
    if not looked:  # a network that nothing converts
        early = sized(model, network, targets, pictures, options)
    if options.precision == "int8":
        frontend.check(model)
        model = quantised(model, network, pictures, options)
    fits, where = early or placed_fits(model, network, targets, options)
    program, plan = fits[-1].program, fits[-1].plan
    shape = output_shape(model, program)
    if options.check and options.precision == "int8":
        check.check_int8(program, model, normalisation_of(model), plan)
    _, *size = program.input_size
    picture = (
        None if original is None or options.image is None else (options.image.name, network.resize(original, *size))
    )
    contents = Contents(
        model,
        targets,
        network.extras(shape, options.decoder),
        picture,
        where,
        fits if len(fits) > 1 else (),
        stepwise=options.stepwise,
    )

    def check_written(folder: Path) -> None:
        if options.check and all(target.runs_anywhere(program) for target in targets):
            host_check.check_c(folder, program, model, normalisation_of(model))

    return artifact.write(program, plan, contents, destination, check_written)


def sized(
    model: onnx.ModelProto, network: Network, targets: list[Target], pictures: Path, options: CompileOptions
) -> Fits | None:
    """Refuse a network that does not fit, before its values are looked at: ranges and weights decide no sizes.

    The planned network in float32; None in int8, which is planned again when its values are known. These move the
    arena of an accelerator by some bytes, which its own compiler takes for buffers of weights.
    """
    check_whole_output(model, network, options.board.memories, options)
    check_largest(model, targets, options)
    if options.widths:
        sharing.check(options.widths, model)
    if all(declared_output(model)) and options.restriction != UNRESTRICTED:
        network.extras(declared_output(model), options.decoder)  # refuses what no text of these steps keeps
    is_float = options.precision != "int8"
    if is_float or may_be_refused(model, targets, options):
        try:
            looked_at = model if is_float else quantised(model, network, pictures, options, most=0)
            if options.npu:
                check_accelerator(to_program(looked_at, options), targets, options)
                return None
            fits = placed_fits(looked_at, network, targets, options)
        except (ArenaLimitError, placement.NoRoomError):
            raise
        except Ocrm55Error:  # said again where the values are looked at, if these say nothing worse
            return None
        return fits if is_float else None
    return None


def check_whole_output(model: onnx.ModelProto, network: Network, memories: MemoryMap, options: CompileOptions) -> None:
    """Refuse an output that no arena holds, where it cannot come row by row: its shape alone decides that."""
    ways = {"--precision int8": options.precision != "int8", "leave --npu out": options.npu,
            "leave --widths out": len(options.widths) > 1}  # fmt: skip
    needed = [way for way, applies in ways.items() if applies]
    if needed and network.int8_output is None and network.takes_rows(declared_output(model), options.decoder):
        placement.check_output(4 * prod(declared_output(model)), memories, [" and ".join(needed)])


def check_largest(model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> None:
    """Refuse a network of which one image alone needs more than any arena has, before it is lowered."""
    whole, memories = options.precision != "int8", options.board.memories
    room = placement.arena_room(memories, coupled=False)
    try:
        least = 0 if options.npu else bounds.least_arena(frontend.inferred(model), whole=whole)
    except Ocrm55Error:  # said again where the network is lowered
        return
    if least <= room:
        return
    try:
        placement.check_arena(least, memories, reach(targets))
    except placement.NoRoomError as refused:
        narrower = ["--precision int8"] if whole and LIVE_TENSORS * least // 4 <= room else ["a narrower input"]
        refused.tries = [*narrower, *refused.tries]
        raise


def may_be_refused(model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> bool:
    """Whether a float network for int8 may well not fit, so that planning it first saves the user's time."""
    is_float = not any(node.op_type == "QuantizeLinear" for node in model.graph.node)
    if not (is_float or options.npu) or options.precision != "int8" or options.weights != "int8":
        return False
    memories = options.board.memories
    room = placement.arena_room(memories, coupled=False)
    activations = [prod(dimension.dim_value for dimension in each.type.tensor_type.shape.dim)
                   for each in model.graph.value_info]  # fmt: skip
    weights = sum(prod(each.dims) for each in model.graph.initializer)
    return (
        options.arena_limit is not None
        or 4 * prod(declared_output(model)) > room
        or LIVE_TENSORS * max(activations, default=0) > room
        or weights > placement.weights_room(memories, reach(targets)) // 2
    )


def placed_fits(model: onnx.ModelProto, network: Network, targets: list[Target], options: CompileOptions) -> Fits:
    """The planned network at each width, and where all of it lies. Raises UnsupportedError, which names ways out."""
    memories = options.board.memories
    by_rows = network.takes_rows(declared_output(model), options.decoder)
    fits = sharing.share(fits_of(memories, model, targets, options, by_rows=by_rows))
    program, plan = fits[-1].program, fits[-1].plan
    network.check_output(output_shape(model, program))
    constants = sum(target.constants(program) for target in targets)
    try:
        return fits, placement.place(program, plan.arena_bytes, memories, constants, reach(targets))
    except placement.NoRoomError as refused:
        refused.tries = [*ways_out(refused, model, program, options, by_rows=by_rows), *refused.tries]
        raise


def ways_out(
    refused: placement.NoRoomError,
    model: onnx.ModelProto,
    program: Program,
    options: CompileOptions,
    *,
    by_rows: bool = False,
) -> list[str]:
    """Options with which a network fits that did not, tried one by one; `program` is the one that did not."""
    if refused.what == "weights":
        return _smaller_weights(refused, options)
    if options.precision != "int8":
        small = program.output.bytes <= refused.room or by_rows
        return ["--precision int8"] if small else []
    if refused.what == "arena" and len(options.widths) > 1 and by_rows:
        alone = replace(options, arena_limit=refused.room, widths=())
        return ["leave --widths out"] if _fits(model, alone, by_rows=by_rows) else []
    if refused.what != "arena" or len(options.widths) > 1:
        return []
    found, limited = [], replace(options, arena_limit=refused.room)
    output = program.stored_bytes(program.storage(program.output.name))
    if output <= refused.room and _fits(model, limited, by_rows=by_rows):
        found.append(f"--arena-limit {refused.room}")
    full = sharing.model_width(model)
    likely = full * refused.room // max(output, refused.room) // WIDTH_STEP * WIDTH_STEP
    for width in (likely, likely * 3 // 4 // WIDTH_STEP * WIDTH_STEP, full // 2 // WIDTH_STEP * WIDTH_STEP):
        if WIDTH_STEP <= width < full and _fits(model, limited, width, by_rows=by_rows):
            return [*found, f"--width {width}"]
    return found


def _smaller_weights(refused: placement.NoRoomError, options: CompileOptions) -> list[str]:
    """Options that may make weights fit: a quarter of the bytes of float32, half of those of int8."""
    if options.precision != "int8":
        return ["--precision int8"] if refused.size // 4 <= refused.room else []
    helps = options.weights != "int4" and not options.npu and refused.size // 2 <= refused.room
    return ["--kernels cmsis-nn --weights int4"] if helps else []


def _fits(model: onnx.ModelProto, options: CompileOptions, width: int | None = None, *, by_rows: bool) -> bool:
    """Whether a quantised network keeps the options' limit of the arena, for images of `width` columns."""
    with suppress(Ocrm55Error):
        narrow = model if width is None else sharing.of_columns(model, width)
        lowered, targets = to_program(narrow, options), choice.targets_for(options)
        if by_rows and not options.npu and lowered.output.bytes > (options.arena_limit or 0):
            return output_by_rows(lowered, targets, options, [options.arena_limit]) is not None
        placed(lowered, targets, options)
        return True
    return False


def output_shape(model: onnx.ModelProto, program: Program) -> tuple[int, ...]:
    """The output's shape as the model declares it: a program in int8 has the channels of an image last."""
    declared = declared_output(model)
    return declared if declared and all(declared) else program.output.shape


def declared_output(model: onnx.ModelProto) -> tuple[int, ...]:
    """The output's shape in the model, with 0 for a size that it leaves open."""
    return tuple(d.dim_value for d in model.graph.output[0].type.tensor_type.shape.dim)


def fits_of(
    memories: MemoryMap, model: onnx.ModelProto, targets: list[Target], options: CompileOptions, *, by_rows: bool
) -> list[Fit]:
    """The planned network at each requested width; by default only at the model's own width.

    by_rows: whether the task takes the output row by row.
    """
    if options.widths:
        sharing.check(options.widths, model)
    if len(options.widths) < 2:
        program, plan = planned_for(memories, model, targets, options, by_rows=by_rows)
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
    agree(list(programs.values()), choice.targets_for(options))
    return programs


def planned_for(
    memories: MemoryMap,
    model: onnx.ModelProto,
    targets: list[Target],
    options: CompileOptions,
    *,
    by_rows: bool = False,
) -> tuple[Program, MemoryPlan]:
    """`planned`; without a limit of the user's, aim at an arena in tightly coupled memory, then at one that fits.

    by_rows: whether the output may come row by row, where nothing else fits.
    """
    lowered, far = to_program(model, options), placement.arena_room(memories, coupled=False)
    near = placement.arena_room(memories) if reach(targets).tightly_coupled else 0
    limits = [room for room in (near, far) if room] if options.arena_limit is None else [options.arena_limit]
    if not by_rows or options.precision != "int8" or options.npu:
        return _with_whole_output(lowered, targets, options, near, far)
    refused: UnsupportedError | None = None
    if lowered.output.bytes <= limits[-1]:
        try:
            program, plan = _with_whole_output(lowered, targets, options, near, far)
        except UnsupportedError as found:
            refused = found
        else:
            if plan.arena_bytes <= limits[-1]:
                return program, plan
    try:
        ended = output_by_rows(lowered, targets, options, limits)
    except UnsupportedError as found:
        if refused is None and isinstance(found, ArenaLimitError) and found.smallest > lowered.output.bytes:
            refused = _refused_whole(lowered, targets, options)
        raise found if refused is None else _smaller(found, refused) from None
    if ended is not None:
        return ended
    if refused is not None:
        raise refused
    return _with_whole_output(lowered, targets, options, near, far)


def _refused_whole(lowered: Program, targets: list[Target], options: CompileOptions) -> UnsupportedError | None:
    """Why a network does not keep the limit with its whole output, which stripes may make a smaller arena than rows."""
    try:
        placed(lowered, targets, options, stripes=True)
    except UnsupportedError as refused:
        return refused
    return None


def _smaller(found: UnsupportedError, other: UnsupportedError) -> UnsupportedError:
    """The refusal that names the smaller arena; the other one where they name none."""
    if not isinstance(found, ArenaLimitError) or not isinstance(other, ArenaLimitError):
        return other
    return found if found.smallest < other.smallest else other


def _with_whole_output(
    lowered: Program, targets: list[Target], options: CompileOptions, near: int, far: int
) -> tuple[Program, MemoryPlan]:
    """near, far: bytes of an arena in tightly coupled memory, 0 for none, and in any."""
    free = options.arena_limit is None and options.precision == "int8"
    if free and lowered.output.bytes <= near:
        with suppress(UnsupportedError):  # of int8, `placed` plans copies
            return placed(lowered, targets, replace(options, arena_limit=near))
    program, plan = placed(lowered, targets, options, stripes=True)
    if free and lowered.output.bytes <= far < plan.arena_bytes:
        with suppress(UnsupportedError):
            return placed(lowered, targets, replace(options, arena_limit=far), stripes=True)
    return program, plan


def output_by_rows(
    lowered: Program, targets: list[Target], options: CompileOptions, limits: Sequence[int | None]
) -> tuple[Program, MemoryPlan] | None:
    """A lowered network whose output comes row by row, within the first of the limits that it keeps.

    None where it does not end in rows. Raises UnsupportedError, with the smallest possible arena, if no plan fits.
    """
    refused: UnsupportedError | None = None
    for limit in limits:
        refused = None
        for rows in output_rows.ROWS:
            striped = output_rows.striped(lowered, rows)
            if striped is None:
                return None
            if limit is not None and rows > 1 and striped.stored_bytes(striped.output.name) > limit:
                continue
            try:
                program, plan = placed(striped, targets, replace(options, arena_limit=limit))
            except UnsupportedError as found:
                refused = found if refused is None else _smaller(refused, found)
                continue
            whole = arena_limit.choose(lowered, targets, None).arena_bytes
            return program, replace(plan, whole_bytes=whole)
    assert refused is not None
    raise refused


def planned(model: onnx.ModelProto, targets: list[Target], options: CompileOptions) -> tuple[Program, MemoryPlan]:
    """Lower a model, give its operators to the targets and place its tensors, within the arena's limit if there is one.

    Raises UnsupportedError when the limit cannot be met.
    """
    return placed(to_program(model, options), targets, options)


def placed(
    lowered: Program, targets: list[Target], options: CompileOptions, *, stripes: bool = False
) -> tuple[Program, MemoryPlan]:
    """A lowered network with its operators given to targets and its tensors placed; raises as `planned` does.

    stripes: whether operators may run in stripes of rows to keep the arena's limit.
    """
    check_interface(lowered)
    target = max(targets, key=lambda target: target.ways)
    if target.ways == 1:
        chosen = arena_limit.choose(prepared(lowered, targets), targets, options.arena_limit, stripes=stripes)
        return chosen.program, chosen.plan
    return _in_smaller_ways(lowered, targets, target, options.arena_limit)


def prepared(lowered: Program, targets: list[Target], way: int = 0) -> Program:
    """A lowered network as its targets want it; way: of a target that has several."""
    for target in targets:
        lowered = target.prepare(lowered, min(way, target.ways - 1))
    return lowered


def reach(targets: list[Target]) -> placement.Reach:
    """The memories that all targets read and write."""
    return functools.reduce(placement.Reach.within, (target.reach() for target in targets))


def _in_smaller_ways(
    lowered: Program, targets: list[Target], target: Target, limit: int | None
) -> tuple[Program, MemoryPlan]:
    """The network in the first of a target's ways that fits the arena's limit."""
    check_least(lowered, target, limit)
    smallest = 0
    for way in range(1 if limit is None else target.ways):
        chosen = arena_limit.choose(prepared(lowered, targets, way), targets, None)
        if limit is None or chosen.arena_bytes <= limit:
            return chosen.program, chosen.plan
        smallest = min(smallest or chosen.arena_bytes, chosen.arena_bytes)
    raise UnsupportedError(
        f"the smallest arena that was found with {target.name} takes {smallest:,} bytes; the limit is {limit:,}.",
        [f"--arena-limit {smallest}", "a narrower input", *target.without],
    )


def check_accelerator(lowered: Program, targets: list[Target], options: CompileOptions) -> None:
    """Refuse a network that an accelerator cannot compute in the arena's limit, or in the memories of the board.

    It is not planned: the accelerator's compiler takes longer than the calibration.
    """
    first, memories = targets[0], options.board.memories
    if options.arena_limit is not None:
        check_least(lowered, first, options.arena_limit, closely=True)
    else:
        room = placement.arena_room(memories, coupled=False)
        try:
            placement.check_arena(first.least_arena(lowered, room, closely=True), memories, reach(targets))
        except placement.NoRoomError as refused:
            refused.tries = [*first.without, "a narrower input", *refused.tries]
            raise
    placement.check_weights(first.least_weights(lowered), memories, reach(targets))


def check_least(lowered: Program, target: Target, limit: int | None, *, closely: bool = False) -> None:
    """Refuse a limit of the arena that no way of a target keeps, before the target does its work."""
    least = 0 if limit is None else target.least_arena(lowered, limit, closely=closely)
    if limit is not None and least > limit:
        raise ArenaLimitError(
            f"the arena takes more than {least:,} bytes with {target.name}; the limit is {limit:,}.",
            ["a larger --arena-limit", "a narrower input", *target.without],
            least,
        )


def load(network: Network, options: CompileOptions | None = None, look: Look | None = None) -> onnx.ModelProto:
    """The ONNX model of a network, with its normalisation noted in the metadata.

    look: is given the ONNX file before it is compared with the model that it was made of, and may raise.
    Raises InputError for a height or width in the options that the network does not take.
    """
    options = options or CompileOptions()
    source = network.source
    if source.is_file():
        if options.height or options.width:
            raise InputError(f"the size of the input is written into {source}.", ["leave --height and --width out"])
        if look is not None:
            look(source)
        return read(source, network)
    with temporary.folder() as folder:
        return read(network.to_onnx(folder / "model.onnx", options.height, options.width, look), network)


def read(path: Path, network: Network) -> onnx.ModelProto:
    """An ONNX file of a network, with the normalisation noted in the metadata."""
    model = entrance.read(path)
    (Normalisation.of_model(model) or network.normalisation).write_to(model)
    return model


def quantised(
    model: onnx.ModelProto, network: Network, pictures: Path, options: CompileOptions, most: int | None = None
) -> onnx.ModelProto:
    """The model as int8 QDQ; an already quantised model stays unchanged.

    pictures: a folder to calibrate on. most: pictures of it to use; all of them if None. Of none, the model has the
    same sizes and no other use.
    """
    if any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        return _with_int8_output(model, network)
    frontend.check_interface(model)
    inputs, normalisation = calibration_inputs(model, network, pictures, most), normalisation_of(model)
    graph, chosen = Graph(model), QuantizeOptions(input_range=normalisation.range)
    recipe = choice.targets_for(options)[0].recipe
    if recipe.fused:
        fused.quantize(graph, inputs, chosen)
    else:
        unfused.quantize(
            graph,
            inputs,
            chosen,
            halves_down=recipe.halves_down,
            weights=options.weights,
            max_drop=options.int4_max_drop,
            merit=network.merit,
        )
    int8_model = graph.model()
    normalisation.write_to(int8_model)
    return _with_int8_output(int8_model, network)


def _with_int8_output(model: onnx.ModelProto, network: Network) -> onnx.ModelProto:
    """A QDQ model that ends as the network's task reads it."""
    if network.int8_output is None or int8_output.is_noted(model):
        return model
    ended = onnx.ModelProto()
    ended.CopyFrom(model)
    int8_output.end_in_int8(ended, *network.int8_output)
    return ended


def calibration_inputs(
    model: onnx.ModelProto, network: Network, pictures: Path, most: int | None = None
) -> list[np.ndarray]:
    """The pictures of a folder, or the first of them, as input tensors: float32 [1, 3, height, width].

    Raises InputError.
    """
    height, width = (d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim[2:])
    normalisation = normalisation_of(model)
    originals = (read_image(path) for path in calibration.images(pictures)[:most])
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
        program = int8.to_program(function, options.model_name, int8_output=int8_output.is_noted(model))
    else:
        float32.lower(function)
        program = legalise.to_program(function, options.model_name, options.precision)
    program.normalisation = normalisation_of(model)
    program.prefix = options.prefix or names.free(program.prefix)
    return program


def check_interface(program: Program) -> None:
    """Check that one image goes in and rows of numbers come out."""
    for what, shape, fits in (
        ("input", program.input.shape, len(program.input.shape) == 4 and program.input.shape[0] == 1),
        ("output", program.output.shape, 2 <= len(program.output.shape) <= 4),
    ):
        if not fits:
            text = "x".join(str(extent) for extent in shape)
            raise UnsupportedError(
                f"the model's {what} is {text}; 1 x channels x height x width goes in, rows of numbers come out.",
                ["ocrm55 export"],
            )
