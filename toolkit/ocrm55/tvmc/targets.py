"""`--target` and its options: the processors that they name, and their present meaning."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ocrm55 import libraries
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model import accelerators as npu_accelerators

CPU = "cortex-m55"
HELIUM = (CPU, "cortex-m85", "cortex-m52")  # the processors with vectors of floats
ACCELERATORS = [
    *(f"ethos-u55-{macs}" for macs in (32, 64, 128, 256)),
    *(f"ethos-u65-{macs}" for macs in (256, 512)),
]
DEFAULT_ACCELERATOR = "ethos-u55-256"  # as TVM had it
_MEANT = {
    "c": "every operator that no other target takes",
    "cmsis-nn": "operators go to this project's own Helium kernels; --kernels has that library called instead",
    "ethos-u": "only the Ethos-U55 is compiled for: the CPU computes everything, and the run function takes no devices",
}
_OPTION = re.compile(r"-{1,2}(?P<name>[A-Za-z0-9_-]+)=(?P<value>\S+)")


def read(
    target: str | None, options: Sequence[tuple[str, str, str]], kernels: Sequence[str] = (libraries.OWN,)
) -> tuple[list[str], list[str], str]:
    """The kinds of a target list, a line for each part of it without effect or with another meaning, and the NPU.

    target: the value of --target; it may carry options itself: `ethos-u -accelerator_config=ethos-u55-256, c`.
    options: (kind, option, value) of each --target-KIND-OPTION=VALUE. kernels: the value of --kernels.

    Raises InputError for a list that is none, UnsupportedError for processors that are no Cortex-M.
    """
    if target is None:
        raise InputError("tvmc compile needs --target.", ["--target=c", "--target=cmsis-nn,c"])
    kinds: list[str] = []
    given: list[tuple[str, str, str]] = []
    for part in target.split(","):
        words = part.split()
        if not words:
            raise InputError(f"--target={target} has an empty place in its list.", ["--target=cmsis-nn,c"])
        kinds.append(_kind(words[0]))
        for word in words[1:]:
            match = _OPTION.fullmatch(word)
            if match is None:
                raise InputError(
                    f"--target={target}: {word} is not of the form -option=value.",
                    ["--target=cmsis-nn,c --target-c-mcpu=cortex-m55"],
                )
            given.append((words[0], match["name"], match["value"]))
    if kinds[-1] != "c":
        raise InputError(
            f"--target={target} does not end with c, which computes what the others leave.", [f"--target={target},c"]
        )
    called = libraries.LIBRARY in kernels
    if called and libraries.LIBRARY not in kinds:
        raise InputError(
            f"--kernels={','.join(kernels)} calls CMSIS-NN, which is not in --target={target}.", ["--target=cmsis-nn,c"]
        )
    npus = [value for kind, option, value in [*given, *options] if (kind, option) == ("ethos-u", "accelerator_config")]
    accelerator = (npus[-1] if npus else DEFAULT_ACCELERATOR) if "ethos-u" in kinds else ""
    if accelerator not in npu_accelerators.ACCELERATORS:
        accelerator = ""
    done = {libraries.LIBRARY: called, "ethos-u": bool(accelerator), "c": True}
    meant = {kind: text for kind, text in _MEANT.items() if not done[kind]}
    remarks = [f"--target {kind}: {meant[kind]}" for kind in kinds if kind in meant]
    for kind, option, value in [*given, *options]:
        remark = _option(kind, option, value, kinds)
        if remark and remark not in remarks:
            remarks.append(remark)
    return kinds, remarks, accelerator


def _kind(kind: str) -> str:
    if kind in _MEANT:
        return kind
    if kind in ("llvm", "cuda", "opencl", "vulkan", "metal", "rocm", "hexagon", "stackvm", "ext_dev", "nvptx"):
        raise UnsupportedError(
            f"--target={kind} names a host or a GPU; this compiler writes C for a Cortex-M.",
            ["--target=c", "for a host: ONNX Runtime, or apache-tvm's own tvm.compile"],
        )
    if kind == "zephyr" or kind.startswith(("vitis", "compute-library", "bnns", "tensorrt", "dnnl", "mrvl", "cmsis")):
        raise UnsupportedError(f"--target={kind} is not supported.", ["--target=cmsis-nn,c"])
    raise InputError(f"--target={kind} is a target that TVMC did not know.", ["--target=cmsis-nn,c"])


def _option(kind: str, option: str, value: str, kinds: Sequence[str]) -> str | None:
    """The remark about one option of a target; None if the option has its usual effect."""
    flag = f"--target-{kind}-{option}"
    if _kind(kind) not in kinds:
        return f"{flag}: {kind} is not in --target"
    if option == "mcpu":
        return _cpu(flag, value)
    if option == "accelerator_config":
        if value not in ACCELERATORS:
            raise InputError(f"{flag}={value} is no Ethos-U.", [f"{flag}={name}" for name in ACCELERATORS])
        return None  # said once, for the target itself
    return f"{flag}: decided by your C compiler's options"


def _cpu(flag: str, value: str) -> str | None:
    # `cortex-m55+nomve` and the like: features that GCC's -mcpu understands as well.
    name, _, features = value.partition("+")
    if name in HELIUM and "nomve" not in features:
        return None
    if re.fullmatch(r"cortex-m\d+p?|cortex-m\d\dp?", name):
        return f"{flag}={value}: the kernels are written for {CPU}; your C compiler takes their portable half"
    raise UnsupportedError(f"{flag}={value} is no Cortex-M.", [f"{flag}={CPU}"])
