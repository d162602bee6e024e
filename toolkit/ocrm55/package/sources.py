"""The C of a package: an artifact's, the hand-written kernels that it calls, and what reads text with it.

Files are taken as they were written; only weights become C. What GCC wants to be told stands in the files, so any build
system that compiles src/*.c with -Iinclude has the library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ocrm55 import __version__, resources
from ocrm55.compiler.c_language import environment, standalone
from ocrm55.compiler.c_language.text import c_string, comment
from ocrm55.compiler.codegen.interface import MODEL_HEADER, NETWORK_HEADER
from ocrm55.package import numbers, weights_image
from ocrm55.package.compiled import Compiled

_TEMPLATES = Path(__file__).parent / "templates"
_NOT_A_LIBRARY_S = (MODEL_HEADER, "inputs.h")  # short names, and an image: they belong to a program
_NPU_DRIVER = ("npu_driver.c", "npu_access.c", "npu_messages.c", "npu_checks.h", "npu_registers.h")
_NPU_HEADERS = ("ocrm55_npu.h", "ocrm55_npu_port.h")  # what the program and its board see
_RECOGNIZE_HEADER = "ocrm55_recognize.h"
FRAME_HEADER, STEPS_HEADER = "ocrm55_frame.h", "ocrm55_steps.h"
_FRAME = ("frame.c", "crop.c", "sample.c", "sample.h", "fixed.h", FRAME_HEADER)  # of firmware/tasks/page
_STEPWISE = ["steps.c", STEPS_HEADER]
_RESTRICTED = ["restricted.c", "restricted.h", "check_digits.c", "check_digits.h"]


def files(compiled: Compiled, *, apart: bool = False) -> dict[str, str]:
    """Every C file of the library by its path in the package. apart: whether the weights are an image of their own."""
    public = {f"{compiled.prefix}.h", NETWORK_HEADER, _RECOGNIZE_HEADER, FRAME_HEADER, STEPS_HEADER, *_NPU_HEADERS}
    texts = (
        generated(compiled, apart=apart)
        | kernels(compiled)
        | _task(in_context=compiled.in_context, restricted=compiled.restricted, stepwise=compiled.step_count > 0)
    )
    texts |= _read(resources.folder("firmware") / "tasks" / "page", _FRAME)
    if compiled.npu:
        texts |= _read(resources.folder("firmware") / "npu", (*_NPU_DRIVER, *_NPU_HEADERS))
    public |= {weights_image.HEADER, f"{compiled.prefix}_weights.h"}
    written = {f"{'include' if name in public else 'src'}/{name}": text for name, text in texts.items()}
    return {"include/ocrm55.h": header(compiled, apart=apart)} | written


def header(compiled: Compiled, detector: Compiled | None = None, *, apart: bool = False, step: int = 0) -> str:
    """include/ocrm55.h; detector: that of a package for pages. apart: as in files.

    step: the instructions of the largest step, 0 where that is not measured.
    """
    return render("ocrm55.h.j2", model=compiled, detector=detector, apart=apart, step=step)


def render(template: str, **values: Any) -> str:
    """A file of the package: the template's name without `.j2` is the file's."""
    templates = environment.of(_TEMPLATES)
    templates.filters["thousands"] = "{:,}".format
    templates.filters["comment"] = comment
    templates.filters["quoted"] = c_string
    templates.filters["cell"] = lambda text: text.replace("|", "\\|")  # of a table in Markdown
    return templates.get_template(template).render(version=__version__, **values)


def generated(compiled: Compiled, *, apart: bool = False) -> dict[str, str]:
    """src/ and include/ of the artifact, by their names; its weights as C, or what reads them in an image."""
    texts = _code(compiled)
    return _apart(compiled, texts) if apart else texts | _weights(compiled)


def _code(compiled: Compiled) -> dict[str, str]:
    folder = compiled.folder
    paths = sorted([*(folder / "src").glob("*.[ch]"), *(folder / "include").glob("*.h")])
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths if path.name not in _NOT_A_LIBRARY_S}
    for name, text in texts.items():
        if name.startswith("operators_"):
            texts[name] = standalone.with_pragma(text, standalone.FOR_OPERATORS)
    return texts


def weight_bytes(compiled: Compiled) -> bytes:
    """The weights as they lie in the artifact."""
    return (compiled.folder / "src" / "weights.bin").read_bytes()


def image(compiled: Compiled, number: int) -> bytes:
    """The image of weights with this number: weights, and behind them the numbers that follow from them."""
    code = _with_numbers(compiled, _code(compiled))
    return weights_image.image(weight_bytes(compiled) + code.data, _abi(compiled, code), number)


def _with_numbers(compiled: Compiled, texts: Mapping[str, str]) -> numbers.Moved:
    return numbers.moved(texts, compiled.prefix)


def _abi(compiled: Compiled, code: numbers.Moved) -> int:
    """The hash by which the C knows its weights."""
    return weights_image.abi(code.texts | kernels(compiled), compiled.prefix, compiled.name)


def _apart(compiled: Compiled, texts: Mapping[str, str]) -> dict[str, str]:
    """The C that reads weights in an image: besides, weights.h, weights.c, the network's header for it, and checks."""
    code = _with_numbers(compiled, texts)
    values = {
        "model": compiled,
        "abi": _abi(compiled, code),
        "image_bytes": compiled.weight_bytes + len(code.data),
        "calibration": code.calibration,
    }
    return code.texts | {
        "weights.h": render("weights.h.j2", **values),
        "weights.c": render("weights.c.j2", **values),
        f"{compiled.prefix}_weights.h": render("image_weights.h.j2", **values),
        **_read(resources.folder("firmware") / "weights", weights_image.SOURCES),
    }


def _weights(compiled: Compiled) -> dict[str, str]:
    """weights.bin as C, and a weights.h that says so."""
    data = weight_bytes(compiled)
    hot, others = data[: compiled.hot_bytes], data[compiled.hot_bytes :]
    rows = {"hot_rows": standalone.words(hot), "rows": standalone.words(others)}
    return {
        "weights.h": render("weights.h.j2", model=compiled, abi=None),
        "weights.c": render("weights.c.j2", model=compiled, abi=None, **rows),
    }


def kernels(compiled: Compiled) -> dict[str, str]:
    """The hand-written kernels that it calls, by their names in src/."""
    if not compiled.kernels:
        return {}
    written = dict(standalone.kernel_headers())
    for kernel in compiled.kernels:
        text = standalone.kernel_source(kernel)
        written[f"kernel_{kernel}.c"] = standalone.with_pragma(text, standalone.FOR_KERNELS)
    return written


def stepwise() -> dict[str, str]:
    """What reads with a network step by step, and stops it; a page needs it with any network."""
    return _read(resources.folder("firmware") / "tasks" / "recognizer", _STEPWISE)


def _task(*, in_context: bool, restricted: bool, stepwise: bool) -> dict[str, str]:
    """The firmware's C that reads text with the network; with the decoders that were compiled."""
    names = ["recognize.c", "reading.h", "confidence.c", _RECOGNIZE_HEADER, "ctc.c", "ctc.h"]
    names += _STEPWISE if stepwise else []
    names += ["context.c"] if in_context else []
    names += ["context.h", "language.h"] if in_context or restricted else []
    names += _RESTRICTED if restricted else []
    return _read(resources.folder("firmware") / "tasks" / "recognizer", names)


def _read(folder: Path, names: Sequence[str]) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}
