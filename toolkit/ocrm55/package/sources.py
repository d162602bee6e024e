"""The C of a package, from the C of an artifact and the hand-written kernels that it calls.

Everything that the linker sees is called ocrm55_..., weights are C, all files lie in one folder, and what GCC wants to
be told stands in them: any build system that compiles src/*.c with -Iinclude has the library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ocrm55 import __version__, resources
from ocrm55.compiler.c_language import environment, standalone
from ocrm55.compiler.c_language.text import c_string, comment
from ocrm55.errors import ToolchainError
from ocrm55.package.compiled import OWN_PREFIX, Compiled

_TEMPLATES = Path(__file__).parent / "templates"
_WEIGHTS = re.compile(r"/\* weights\.S places weights\.bin here\. \*/\n(?:extern const uint8_t ocrm55_weights.*\n)+")
_NPU_DRIVER = ("npu_driver.c", "npu_access.c", "npu_messages.c", "npu_checks.h", "npu_registers.h", "ocrm55_npu.h")
_NPU_REGION = re.compile(r"(?<=[& ])(region_\d+)(?=[ ;,])")


def files(compiled: Compiled) -> dict[str, str]:
    """Every C file of the library by its path in the package."""
    written = {"include/ocrm55.h": render("ocrm55.h.j2", model=compiled)}
    written |= {f"src/{name}": text for name, text in _generated(compiled).items()}
    written |= {f"src/{name}": text for name, text in _kernels(compiled).items()}
    written |= {f"src/{name}": text for name, text in _decoder(in_context=compiled.in_context).items()}
    if compiled.npu:
        written |= _npu_driver()
    written["src/recognizer.c"] = render("recognizer.c.j2", model=compiled)
    return written


def render(template: str, **values: Any) -> str:
    """A file of the package: the template's name without `.j2` is the file's."""
    templates = environment.of(_TEMPLATES)
    templates.filters["thousands"] = "{:,}".format
    templates.filters["comment"] = comment
    templates.filters["quoted"] = c_string
    return templates.get_template(template).render(version=__version__, **values)


def _generated(compiled: Compiled) -> dict[str, str]:
    """src/ and include/ of the artifact, the operators' functions renamed."""
    folder = compiled.folder
    paths = sorted([*(folder / "src").glob("*.[ch]"), *(folder / "include").glob("*.h")])
    names = re.compile(rf"\b({'|'.join(map(re.escape, compiled.functions)) or '(?!)'})(?=\()")
    written = {}
    for path in paths:
        if path.name == "inputs.h":  # an image that was compiled in belongs to a program, not to a library
            continue
        text = names.sub(rf"{OWN_PREFIX}\1", path.read_text(encoding="utf-8"))
        if path.name.startswith("operators_"):
            text = standalone.with_pragma(text, standalone.FOR_OPERATORS)
        if compiled.npu and path.name in ("model.c", "npu_regions.c", "npu_regions.h"):
            text = _NPU_REGION.sub(rf"{OWN_PREFIX}\1", text)
        written[path.name] = text
    written["model.c"] = _with_own_weights(written["model.c"])
    if compiled.npu:
        for what, value in (("BYTES", compiled.arena_room), ("ALIGN", compiled.arena_align)):
            pattern = rf"(#define OCRM55_ARENA_{what}) \d+"
            written["ocrm55_model.h"] = re.sub(pattern, rf"\1 {value}", written["ocrm55_model.h"])
        placed = written["npu_regions.c"].replace('section(".ocrm55.weights")', "section(OCRM55_WEIGHTS_SECTION)")
        written["npu_regions.c"] = placed.replace(
            '#include "npu_regions.h"', '#include "npu_regions.h"\n#include "weights.h"'
        )
    data = (folder / "src" / "weights.bin").read_bytes()
    hot, others = data[: compiled.hot_bytes], data[compiled.hot_bytes :]
    rows = {"hot_rows": standalone.words(hot), "rows": standalone.words(others)}
    written["weights.h"] = render("weights.h.j2", model=compiled)
    written["weights.c"] = render("weights.c.j2", model=compiled, **rows)
    return written


def _with_own_weights(model: str) -> str:
    """model.c with the weights as weights.c has them."""
    text, found = _WEIGHTS.subn("", model)
    if not found:
        raise ToolchainError("model.c of this artifact does not name its weights.", ["ocrm55 compile --force"])
    return text.replace('#include "operators.h"\n', '#include "operators.h"\n#include "weights.h"\n', 1)


def _kernels(compiled: Compiled) -> dict[str, str]:
    if not compiled.kernels:
        return {}
    written = dict(standalone.kernel_headers())
    for kernel in compiled.kernels:
        text = standalone.kernel_source(kernel)
        written[f"kernel_{kernel}.c"] = standalone.with_pragma(text, standalone.FOR_KERNELS)
    return written


def _npu_driver() -> dict[str, str]:
    """The NPU's driver, and the header of what the board has to provide for it."""
    folder = resources.folder("firmware") / "npu"
    written = {f"src/{name}": (folder / name).read_text(encoding="utf-8") for name in _NPU_DRIVER}
    written["include/ocrm55_npu_port.h"] = (folder / "ocrm55_npu_port.h").read_text(encoding="utf-8")
    return written


def _decoder(*, in_context: bool) -> dict[str, str]:
    """CTC decoding, as the firmware has it, in context where that was compiled."""
    folder = resources.folder("firmware") / "tasks" / "recognizer"
    names = ["ctc.c", "ctc.h", *(["context.c", "context.h"] if in_context else [])]
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}
