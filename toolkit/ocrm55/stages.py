"""The stages from a model to firmware, each run only when what it reads has changed.

A command asks once (`model`, `compiled` or `prepare`) and passes the answer on, because asking costs a digest of
everything that a stage reads and writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocrm55 import __version__, libraries, resources
from ocrm55.boards import Board
from ocrm55.build_folder import DEFAULT_BUILD_DIR, ModelFolder, run_stage
from ocrm55.compiler.c_language import names
from ocrm55.compiler.operators.program import RESERVED
from ocrm55.compiler.options import CompileOptions, slug
from ocrm55.errors import InputError
from ocrm55.files import digest
from ocrm55.restriction import UNRESTRICTED
from ocrm55.tasks.base import Task

WIDTH_STEP = 8  # pixels of width to one step of the output
LEAST_WIDTH = 32  # pixels: below this the wide convolutions see more padding than picture
LONGEST_PREFIX = 40  # characters of a network's name in C
SMALLER = {"bundled": ("fast", 741_328)}  # model -> another that is bundled, and the bytes of its int8 weights
_OF_CPP = set("class delete friend namespace new operator private public template this throw try using virtual".split())
_PACKAGE = Path(__file__).resolve().parent
# The toolkit's files that decide what a stage writes: an edited one runs the stage again.
EXPORTED_BY = (
    "export",
    "tasks",
    "normalisation.py",
    "plain_pickle.py",
    "plain_yaml.py",
    "restriction.py",
    "compiler/onnx_graph",
)
COMPILED_BY = (
    *("compiler", "export", "tasks", "npu_model", "boards.py", "artifact.py", "metadata.py"),
    *("normalisation.py", "pictures.py", "transparency.py", "plain_pickle.py", "plain_yaml.py", "restriction.py"),
)


def _recognizer() -> Task:
    from ocrm55.tasks.recognizer.task import RECOGNIZER

    return RECOGNIZER


@dataclass(frozen=True)
class BuildOptions:
    """Everything besides the generated C that the firmware depends on.

    toolchain: `gcc` or `clang`. cmsis_nn, ethosu_driver: the user's copies of Arm's libraries, see libraries.
    """

    toolchain: str = "gcc"
    cmsis_nn: Path | None = None
    ethosu_driver: Path | None = None


@dataclass(frozen=True)
class Options:
    """The options of the stages. Those for the user are options of the commands (commands/options.py).

    source: the source of the model: one of the task's `models`, or a path. force: make everything anew.
    dictionary: the characters of a model that does not name them, or names others; a file.
    task: the purpose of the model; the commands' options are given it by the source (tasks/choice.py).
    """

    build_dir: Path = DEFAULT_BUILD_DIR
    source: str = "bundled"
    compile: CompileOptions = field(default_factory=CompileOptions)
    build: BuildOptions = field(default_factory=BuildOptions)
    force: bool = False
    dictionary: Path | None = None
    task: Task = field(default_factory=_recognizer)

    @property
    def model_name(self) -> str:
        """The name of the model: the task's for a word of its own, else that of the file or folder."""
        path = Path(self.source)
        is_file = path.suffix in (".pdparams", ".onnx")
        return self.task.models.get(self.source) or slug(path.stem if is_file else path.resolve().name)

    @property
    def folder(self) -> ModelFolder:
        """The model's folder below the build folder."""
        return ModelFolder(self.build_dir, self.model_name)

    @property
    def board(self) -> Board:
        return self.compile.board

    @property
    def firmware_variant(self) -> str:
        """Name of the firmware's folder; it depends on the firmware's compiler too."""
        variant, toolchain = self.compile.variant, self.build.toolchain
        return variant if toolchain == BuildOptions.toolchain else f"{variant}-{toolchain}"


@dataclass(frozen=True)
class Compilation:
    """A model that was exported and compiled: the folder of the Paddle model, and the folder of the C."""

    options: Options
    model: Path
    artifact: Path


@dataclass(frozen=True)
class Prepared(Compilation):
    """The same with the firmware built: everything that a run needs."""

    elf: Path


def parse_widths(text: str) -> tuple[int, ...]:
    """Widths as a user writes them, `96,160,320`: narrowest first, none for an empty text. Raises InputError."""
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    tries = ["--widths 96,160,320"]
    if not all(word.isascii() and word.isdigit() and len(word) < 6 for word in words):
        raise InputError(f"`{text[:80]}` is no list of widths in pixels.", tries)
    widths = tuple(sorted({int(word) for word in words}))
    wrong = [width for width in widths if width < LEAST_WIDTH or width % WIDTH_STEP]
    if wrong:
        what = f"widths are multiples of {WIDTH_STEP}, {LEAST_WIDTH} at least"
        raise InputError(f"a width of {wrong[0]} pixels cannot be compiled: {what}.", tries)
    return widths


def parse_prefix(text: str) -> str:
    """A network's name in C as a user writes it; empty takes the model's. Raises InputError for no identifier."""
    free = text not in RESERVED | _OF_CPP and not text.startswith("_") and len(text) <= LONGEST_PREFIX
    if text and not (text.isascii() and text.isidentifier() and free):
        raise InputError(f"`{text[:80]}` is no name that C leaves to a program.", ["--prefix recognizer"])
    if text in names.taken():
        raise InputError(f"`{text}` is the name of something in the C around the network.", ["--prefix recognizer"])
    return text


def model(options: Options) -> Path:
    """Export the model if needed; return its folder (Paddle inference format)."""
    output, task = options.folder.model_dir, options.task
    if options.dictionary is not None:
        if not options.dictionary.is_file():  # what is up to date would be taken without a word
            raise InputError(f"{options.dictionary} is no file with a dictionary.", ["--dict FILE"])
        task = task.with_dictionary(options.dictionary)
    path = Path(options.source)
    bundled = resources.folder("models") / options.model_name
    if options.source in options.task.models and bundled.is_dir():
        read = digest([bundled, *_beside(options)], __version__)
    elif path.exists():
        read = digest(
            [path, *_beside(options), *(_PACKAGE / each for each in EXPORTED_BY)], __version__, options.task.name
        )
    else:
        read = digest(_beside(options), __version__, options.source)
    with options.folder.locked():
        run_stage(
            "export",
            f"{options.source} -> {output}",
            output,
            read,
            lambda: task.export(options.source, output),
            force=options.force,
        )
    return output


def _beside(options: Options) -> list[Path]:
    """The files besides the model's own that say what it is: settings beside an ONNX file, the user's dictionary."""
    path = Path(options.source)
    settings = [path.with_suffix(".yml"), path.with_name("inference.yml")] if path.suffix == ".onnx" else []
    named = [] if options.dictionary is None else [options.dictionary]
    return [each for each in (*settings, *named) if each.is_file()]


def compiled(options: Options) -> Compilation:
    """Export and compile the model if needed."""
    from ocrm55.compiler.quantization import calibration

    source, chosen, task = model(options), options.compile, options.task
    output = options.folder.artifact_dir(chosen.variant)
    inputs = [
        source,
        *(_PACKAGE / each for each in COMPILED_BY),
        resources.folder("firmware") / "include",
        *chosen.files,
    ]
    inputs += task.files(chosen.decoder)
    if chosen.precision == "int8":
        inputs += calibration.images(chosen.calibrate or task.calibration)
    settings = replace(chosen, model_name=options.folder.model)
    read = digest(inputs, __version__, task.name, *chosen.values)  # the contents of files count, not their places

    def compile_it() -> None:
        # This imports TVM, which takes half the time of a run that compiles nothing.
        from ocrm55.compiler.memory.placement import NoRoomError
        from ocrm55.compiler.pipeline import compile_model

        try:
            compile_model(source, output, task, settings)
        except NoRoomError as refused:
            word, size = SMALLER.get(options.source, ("", 0))
            if word and refused.what == "weights" and size <= refused.room:
                refused.tries = [f"--model {word}", *refused.tries]
            raise

    def check_words() -> None:
        if chosen.restriction != UNRESTRICTED:
            task.network(source).restricted(chosen.restriction).check_restriction()

    with options.folder.locked():
        run_stage(
            "compile",
            f"{chosen.precision} for cortex-m55 -> {output}",
            output,
            read,
            compile_it,
            force=options.force,
            first=check_words,
        )
    return Compilation(options, source, output)


def prepare(options: Options, *, native: bool = False) -> Prepared:
    """Export, compile and build if needed; return everything for a run of the firmware.

    native: build a program of this computer instead, for simulators that ask for one. Raises InputError with an NPU.
    """
    from ocrm55.firmware import check_path

    check_path(options.build_dir)
    if native:
        return _prepare_native(options)
    options.board.check_start_up()
    chosen = options.build
    defines = libraries.defines(options.compile.kernels, chosen.cmsis_nn)  # refuses what is not there before any work
    if options.compile.npu:
        defines |= libraries.npu_driver(chosen.ethosu_driver)
    done = compiled(options)
    output = options.folder.firmware_dir(options.firmware_variant)
    with options.folder.locked():
        build_stage("firmware", done.artifact, [done.artifact], output, options, defines)
    return Prepared(options, done.model, done.artifact, output / "ocrm55.elf")


def build_stage(
    what: str, artifact: Path, artifacts: Sequence[Path], output: Path, options: Options, defines: Mapping[str, str]
) -> None:
    """Build a program of the board in `output`, if needed. artifacts: all that it links, with `artifact`."""
    from ocrm55.firmware import build

    board, toolchain = options.board, options.build.toolchain
    inputs = [*artifacts, resources.folder("firmware"), resources.folder("cmake"), board.file]
    inputs += [] if board.is_bundled else [board.folder]
    run_stage(
        "build",
        f"{what} -> {output / 'ocrm55.elf'}",
        output,
        digest(inputs, __version__, toolchain, sorted(defines.items())),
        lambda: build(artifact, output, board, defines=defines, toolchain=toolchain),
        outputs=[output / "ocrm55.elf"],
        force=options.force,
    )


def _prepare_native(options: Options) -> Prepared:
    check_native(options)
    libraries.defines(options.compile.kernels, options.build.cmsis_nn)
    done = compiled(options)
    output = options.folder.firmware_dir(f"{options.compile.variant}-native")
    with options.folder.locked():
        build_native_stage("program", done.artifact, [done.artifact], output, options)
    return Prepared(options, done.model, done.artifact, output / "ocrm55.elf")


def check_native(options: Options) -> None:
    """Raise ToolchainError without a compiler of this computer, InputError for a program of an NPU."""
    from ocrm55.firmware import require_host_compiler

    require_host_compiler()
    if options.compile.npu:
        raise InputError("a native program has no NPU.", ["leave --npu out", "--simulator qemu"])


def build_native_stage(
    what: str,
    artifact: Path,
    artifacts: Sequence[Path],
    output: Path,
    options: Options,
    defines: Mapping[str, str] | None = None,
) -> None:
    """Build the program of this computer in `output`, if needed. artifacts: all that it links, with `artifact`."""
    from ocrm55.firmware import build_native, require_host_compiler

    defines = {**libraries.defines(options.compile.kernels, options.build.cmsis_nn), **(defines or {})}
    inputs = [*artifacts, resources.folder("firmware"), resources.folder("cmake")]
    read = digest(inputs, __version__, "native", require_host_compiler(), sorted(defines.items()))
    run_stage(
        "build",
        f"native {what} -> {output / 'ocrm55.elf'}",
        output,
        read,
        lambda: build_native(artifact, output, defines=defines),
        outputs=[output / "ocrm55.elf"],
        force=options.force,
    )
