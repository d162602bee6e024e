"""The stages from a model to firmware, each run only when what it reads has changed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from ocrm55 import __version__, libraries, memory_map, resources
from ocrm55.errors import InputError
from ocrm55.files import digest
from ocrm55.tasks.recognizer import context, decoding
from ocrm55.workspace import DEFAULT_BUILD_DIR, Workspace, run_stage

BUNDLED_MODEL = "en_ppocrv3_rec"
WIDTH_STEP = 8  # pixels of width to one step of the output
LEAST_WIDTH = 32  # pixels: below this the wide convolutions see more padding than picture
_PACKAGE = Path(__file__).resolve().parent


def _widths_tag(widths: tuple[int, ...]) -> str:
    return "w" + "-".join(map(str, widths)) if len(widths) > 1 else ""


@dataclass(frozen=True)
class Options:
    """What the stages depend on. Every field is also an option of the commands (commands/options.py).

    What the generated C depends on has the same name in the compiler's own options, and a `tag`: what a value other
    than the default adds to the name of the artifact's folder.
    """

    build_dir: Path = DEFAULT_BUILD_DIR
    source: str = "bundled"
    precision: str = "int8"
    height: int | None = field(default=None, metadata={"tag": lambda rows: f"h{rows}"})
    width: int | None = field(default=None, metadata={"tag": lambda columns: f"x{columns}"})
    memory_map: Path | None = field(default=None, metadata={"tag": lambda board: f"for-{board.stem}"})
    widths: tuple[int, ...] = field(default=(), metadata={"tag": _widths_tag})
    arena_limit: int | None = field(default=None, metadata={"tag": lambda limit: f"arena{limit}"})
    kernels: tuple[str, ...] = field(default=("m55",), metadata={"tag": "-".join})
    calibrate: Path | None = field(default=None, metadata={"tag": lambda folder: f"on-{folder.resolve().name}"})
    weights: str = field(default="int8", metadata={"tag": lambda weights: weights})
    int4_max_drop: float | None = field(default=None, metadata={"tag": lambda drop: f"drop{drop:g}"})
    npu: str = field(default="", metadata={"tag": lambda npu: npu.removeprefix("ethos-")})
    npu_memory_mode: str = field(default="Shared_Sram", metadata={"tag": lambda mode: mode})
    vela_config: Path | None = field(default=None, metadata={"tag": lambda file: f"vela-{file.stem}"})
    npu_fallback: bool = field(default=False, metadata={"tag": lambda _: "fallback"})
    decoder: str = field(default=decoding.CONTEXT, metadata={"tag": lambda decoder: decoder})
    image: Path | None = field(default=None, metadata={"tag": lambda image: image.stem})
    cmsis_nn: Path | None = None
    ethosu_driver: Path | None = None
    toolchain: str = "gcc"
    force: bool = False

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.build_dir, model_name(self.source))

    @property
    def variant(self) -> str:
        """Name of the artifact's folder: two sets of options that give different C never share one."""
        parts = [self.precision]
        for setting in fields(self):
            value, tag = getattr(self, setting.name), setting.metadata.get("tag")
            if tag and value != setting.default and not (setting.name == "calibrate" and self.precision != "int8"):
                parts += [slug(tag(value))] if tag(value) else []
        return "-".join(parts)

    @property
    def firmware_variant(self) -> str:
        """Name of the firmware's folder, which the compiler of the firmware decides too."""
        return self.variant if self.toolchain == "gcc" else f"{self.variant}-{self.toolchain}"

    @property
    def made(self) -> Options:
        """The same, for asking again for what was made a moment ago: nothing is forced twice."""
        return replace(self, force=False)


def slug(text: str) -> str:
    """A name that is safe as a folder and in C: letters, digits, `_` and `-`."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "model"


def model_name(source: str) -> str:
    """Name of the model that a `--source` gives: `bundled`, `pp-ocrv3`, a model folder or a file."""
    known = {"bundled": BUNDLED_MODEL, "pp-ocrv3": "en_PP-OCRv3_mobile_rec"}
    path = Path(source)
    return known.get(source) or slug(path.stem if path.suffix in (".pdparams", ".onnx") else path.resolve().name)


def parse_widths(text: str) -> tuple[int, ...]:
    """Widths as a user writes them, `96,160,320`: narrowest first, none for an empty text. Raises InputError."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    tries = ["--widths 96,160,320"]
    if not all(word.isascii() and word.isdigit() and len(word) < 6 for word in words):
        raise InputError(f"`{text}` is no list of widths in pixels.", tries)
    widths = tuple(sorted({int(word) for word in words}))
    wrong = [width for width in widths if width < LEAST_WIDTH or width % WIDTH_STEP]
    if wrong:
        what = f"widths are multiples of {WIDTH_STEP}, {LEAST_WIDTH} at least"
        raise InputError(f"a width of {wrong[0]} pixels cannot be compiled: {what}.", tries)
    return widths


def model(options: Options) -> Path:
    """Export the model where needed; return its folder (Paddle inference format)."""
    from ocrm55.tasks.recognizer.sources import export

    output = options.workspace.model_dir
    path = Path(options.source)
    if options.source == "bundled":
        read = digest([resources.folder("models") / BUNDLED_MODEL], __version__)
    elif path.exists():
        read = digest([path, _PACKAGE / "export", _PACKAGE / "tasks"], __version__)
    else:
        read = digest([], __version__, options.source)
    with options.workspace.locked():
        run_stage(
            "export",
            f"{options.source} -> {output}",
            output,
            read,
            lambda: export(options.source, output),
            force=options.force,
        )
    return output


def input_size(options: Options) -> tuple[int, int]:
    """Height and width in pixels of the images that the model reads; exports it where needed."""
    from ocrm55.tasks.recognizer.model import RecognizerFolder

    return RecognizerFolder(model(options)).sized(options.height, options.width)


def artifact(options: Options) -> Path:
    """Compile the model to C where needed; return the artifact's folder."""
    from ocrm55.compiler.pipeline import CompileOptions, compile_model
    from ocrm55.compiler.quantization import calibration

    memory_map.load(options.memory_map)  # says what is wrong with it before anything else is done
    source = model(options)
    output = options.workspace.artifact_dir(options.variant)
    inputs = [source, _PACKAGE / "compiler", _PACKAGE / "tasks", *([options.image] if options.image else [])]
    inputs.append(memory_map.find(options.memory_map))
    inputs += [options.vela_config] if options.vela_config else []
    inputs += [context.bundled()] if options.decoder == decoding.CONTEXT else []
    if options.precision == "int8":
        inputs += calibration.images(options.calibrate)
    shared = {each.name for each in fields(CompileOptions)} & {each.name for each in fields(Options)}
    chosen = {name: getattr(options, name) for name in sorted(shared)}
    settings = CompileOptions(model_name=options.workspace.model, **chosen)
    values = [f"{name}={value}" for name, value in chosen.items() if not isinstance(value, Path)]
    read = digest(inputs, __version__, *values)  # files count by what is in them, not by where they lie
    with options.workspace.locked():
        run_stage(
            "compile",
            f"{options.precision} for cortex-m55 -> {output}",
            output,
            read,
            lambda: compile_model(source, output, settings),
            force=options.force,
        )
    return output


def firmware(options: Options) -> Path:
    """Build the firmware where needed; return the ELF."""
    from ocrm55.firmware import build

    source = artifact(options)
    output = options.workspace.firmware_dir(options.firmware_variant)
    elf = output / "ocrm55.elf"
    board = options.memory_map
    inputs = [source, resources.folder("firmware"), resources.folder("cmake"), memory_map.find(board)]
    defines = {} if board is None else {"OCRM55_MEMORY_MAP": str(board.resolve())}
    defines |= libraries.defines(options.kernels, options.cmsis_nn)
    if options.npu:
        defines |= libraries.npu_driver(options.ethosu_driver)
    read = digest(inputs, __version__, options.toolchain, sorted(defines.items()))
    with options.workspace.locked():
        run_stage(
            "build",
            f"firmware -> {elf}",
            output,
            read,
            lambda: build(source, output, defines=defines, toolchain=options.toolchain),
            outputs=[elf],
            force=options.force,
        )
    return elf
