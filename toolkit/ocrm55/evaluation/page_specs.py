"""What reads pages in an evaluation, made of the models that the user named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import onnx

from ocrm55 import __version__, files, stages, temporary
from ocrm55.artifact import Artifact
from ocrm55.build_folder import run_stage
from ocrm55.compiler.quantization import calibration
from ocrm55.errors import InputError
from ocrm55.evaluation.page_host import WIDTHS, HostSpec
from ocrm55.evaluation.page_reference import Network, ReferenceSpec
from ocrm55.evaluation.page_target import TargetSpec
from ocrm55.evaluation.pages import PageSpec
from ocrm55.evaluation.widths import NarrowModel
from ocrm55.export.paddle_folder import SETTINGS
from ocrm55.page import program
from ocrm55.page.host import MOST_BOXES
from ocrm55.simulators import Choice
from ocrm55.tasks.detector.model import DetectorFolder, Thresholds
from ocrm55.tasks.page.options import Options, of_model
from ocrm55.tasks.recognizer.model import RecognizerFolder
from ocrm55.tasks.recognizer.task import RECOGNIZER

PLACES = ("host", "onnx", "reference", "native", "target")


def spec_of(on: str, options: program.PageOptions, *, simulator: Choice, timeout_s: float) -> PageSpec:
    """The reader for one of PLACES. Runs the stages that it needs.

    host: both networks in float, PaddleX's boxes and crops. onnx: the same with the detector in int8. reference: both
    in int8, with the target's own steps. native: the firmware's C on this computer.
    target: the firmware on `simulator`. timeout_s: of a page there.
    """
    if on == "host":
        return host_spec(options)
    if on == "onnx":
        return replace(host_spec(options), detector={"inference.onnx": detector_int8(options)}, whole=True)
    if on == "reference":
        return reference_spec(options)
    if on in ("native", "target"):
        simulator = replace(simulator, name="native") if on == "native" else simulator
        prepared = program.prepare(options, native=simulator.native)
        size = Artifact.read(prepared.detector.artifact).image_size
        return TargetSpec(prepared.elf.read_bytes(), (size[0], size[1]), simulator, timeout_s)
    raise InputError(f"`{on}` is no place of an evaluation.", [f"use one of: {', '.join(PLACES)}"])


def host_spec(options: program.PageOptions) -> HostSpec:
    """Both models in float on the host, with PaddleX's boxes and crops. Exports the models if needed."""
    found = DetectorFolder(stages.model(options.detector))
    recognizer = stages.model(options.recognizer)
    folder = RecognizerFolder(recognizer)
    height, _ = folder.sized(options.recognizer.compile.height, None)
    return HostSpec(
        {path.name: path.read_bytes() for path in found.files if path.name != SETTINGS},
        found.levels,
        found.thresholds,
        _wide(options.recognizer, recognizer, height),
        tuple(folder.charset),
        height,
        _size(options.detector),
        options.recognizer.compile.decoder,
        folder.levels,
    )


def reference_spec(options: program.PageOptions) -> ReferenceSpec:
    """The target's steps on the host. The networks are in int8, or in float with `--precision float32`."""
    found = DetectorFolder(stages.model(options.detector))
    recognizer = stages.model(options.recognizer)
    folder = RecognizerFolder(recognizer)
    chosen = options.recognizer.compile
    size = folder.sized(chosen.height, chosen.width)
    narrow: dict[int, bytes] = {}
    if chosen.precision == "float32":
        with temporary.folder() as work:
            detector = found.to_onnx(work / "detector.onnx", *_size(options.detector)).read_bytes()
            line = RECOGNIZER.network(recognizer).to_onnx(work / "recognizer.onnx", *size).read_bytes()
    else:
        detector, line = detector_int8(options), _int8(options.recognizer, "int8.onnx")
        narrow = narrow_networks(line, [width for width in chosen.widths or () if width < size[1]])
    return ReferenceSpec(
        Network(detector, _size(options.detector), found.levels),
        page_options(found.thresholds),
        Network(line, (size[0], size[1]), folder.levels),
        tuple(folder.charset),
        chosen.decoder,
        narrow,
        folder.lead,
        min(MOST_BOXES, found.thresholds.candidates),
    )


def narrow_networks(recognizer: bytes, widths: Sequence[int]) -> dict[int, bytes]:
    """An ONNX file for each of these widths, less than the full one: as they are compiled, see widths.NarrowModel."""
    if not widths:
        return {}
    narrow = NarrowModel(onnx.load_model_from_string(recognizer))
    return {width: narrow.at_width(width).SerializeToString() for width in widths}


def detector_int8(options: program.PageOptions) -> bytes:
    """The detector as `compile` quantises it for its size, as an ONNX file."""
    height, width = _size(options.detector)
    return _int8(options.detector, f"int8-{width}x{height}.onnx")


def page_options(thresholds: Thresholds) -> Options:
    """A detector's thresholds in the units of the target."""
    names = {"thresh": thresholds.pixel, "box_thresh": thresholds.box, "unclip_ratio": thresholds.unclip}
    return of_model(names)


def _int8(options: stages.Options, name: str) -> bytes:
    """The network as `compile` quantises it, as an ONNX file that stays in the build folder. It may fit no board."""
    model, output = stages.model(options), options.folder.root / name
    pictures = options.compile.calibrate or options.task.calibration
    read = files.digest([model, *calibration.images(pictures)], __version__, *options.compile.values)

    def quantise() -> None:
        from ocrm55.compiler import pipeline  # brings TVM

        network, chosen = options.task.network(model), options.compile
        found = pipeline.quantised(pipeline.load(network, chosen), network, pictures, chosen)
        with files.atomic_file(output) as staging:
            staging.write_bytes(found.SerializeToString(deterministic=True))

    with options.folder.locked():
        run_stage("quantise", f"{options.model_name} in int8 -> {output}", output, read, quantise)
        return output.read_bytes()


def _size(detector: stages.Options) -> tuple[int, int]:
    height, width = detector.compile.height, detector.compile.width
    assert height and width, "the detector's input has a size"
    return height, width


def _wide(options: stages.Options, model: Path, height: int) -> dict[int, bytes]:
    """The recognizer's network for lines of several widths, as ONNX files that stay in the build folder."""
    output = options.folder.root / "host-widths"
    read = files.digest([model], __version__, height, *WIDTHS)

    def convert() -> None:
        network = RECOGNIZER.network(model)
        with files.atomic_directory(output) as folder:
            for width in WIDTHS:
                network.to_onnx(folder / f"{width}.onnx", height, width)

    with options.folder.locked():
        run_stage("widen", f"the recognizer for lines of {len(WIDTHS)} widths -> {output}", output, read, convert)
        return {width: (output / f"{width}.onnx").read_bytes() for width in WIDTHS}
