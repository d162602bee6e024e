"""The checked values of a command line of `tvmc compile`."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass, field
from pathlib import Path

from ocrm55 import libraries
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.tvmc import targets

ALIGN = 16  # alignment of the workspace and of every weight
_ONLY = {
    "runtime": ("crt", {"cpp": "the C++ runtime needs an operating system"}),
    "executor": ("aot", {"graph": "the graph executor needs a heap and a parser of JSON on the target"}),
    "executor_aot_interface_api": ("c", {"packed": "packed functions are called through a registry"}),
    "executor_aot_unpacked_api": ("1", {"0": "packed arguments belong to TVM's executor library"}),
    "output_format": ("mlf", {"so": "a shared library runs on a host only"}),
}
_UNREAD_FORMATS = {
    "tflite": "convert it: python -m tf2onnx.convert --tflite MODEL --output MODEL.onnx",
    "keras": "convert it: python -m tf2onnx.convert --keras MODEL --output MODEL.onnx",
    "pb": "convert it: python -m tf2onnx.convert --graphdef MODEL --output MODEL.onnx",
    "pytorch": "export it: torch.onnx.export",
    "coreml": "export ONNX where the model was made",
    "relay": "compile the model that the Relay came from",
}
_SUFFIXES = {".onnx": "onnx", ".pdmodel": "paddle", ".json": "paddle", ".pdiparams": "paddle", ".tflite": "tflite"}
_SUFFIXES |= {".h5": "keras", ".keras": "keras", ".pb": "pb", ".pth": "pytorch", ".pt": "pytorch", ".relay": "relay"}
_SHAPE = re.compile(r"(?P<name>\S+?)\s*:\s*\[(?P<sizes>[^\]]*)\]\s*")


@dataclass(frozen=True)
class ArenaSource:
    """The source of a run's memory.

    kind: `inside` the generated C; `asked`, from the program by TVMBackendAllocWorkspace; or a `pool` that the program
    hands to the run function. limit: the pool's bytes, if given.
    """

    kind: str = "inside"
    pool: str = ""
    limit: int | None = None


@dataclass(frozen=True)
class Settings:
    """A compilation. remarks: lines to print about arguments without effect, or with another meaning.

    accelerator: the NPU to compile for, empty for none.
    """

    model: Path
    model_format: str
    output: Path
    name: str = "default"
    targets: tuple[str, ...] = ("c",)
    target_text: str = "c"
    kernels: tuple[str, ...] = (libraries.OWN,)
    accelerator: str = ""
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)
    workspace: ArenaSource = field(default_factory=ArenaSource)
    offloads: str | None = None
    check: bool = True
    verbose: bool = False
    remarks: tuple[str, ...] = ()


def from_arguments(values: argparse.Namespace, remarks: list[str]) -> Settings:
    """Check the parsed arguments; raises InputError and UnsupportedError, each naming the argument."""
    kernels = libraries.kernels(values.kernels)
    kinds, said, accelerator = targets.read(values.target, values.targets, kernels)
    left_out = [line for line in (_only(values, name) for name in _ONLY) if line]
    if left_out:
        said.append(f"assumed: {' '.join(left_out)}")
    for name in ("workspace", "constant"):
        _check_alignment(name, getattr(values, f"executor_aot_{name}_byte_alignment", None))
    static, about = read_pass_configs(values.pass_config)
    model = Path(values.FILE)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", values.module_name):
        raise InputError(f"--module-name={values.module_name} cannot be part of a C name.", ["--module-name=rec"])
    return Settings(
        model=model,
        model_format=read_format(model, values.model_format),
        output=Path(values.output),
        name=values.module_name,
        targets=tuple(kinds),
        target_text=values.target,
        kernels=kernels,
        accelerator=accelerator,
        shapes=read_shapes(values.input_shapes),
        workspace=_workspace(values, static),
        offloads=values.dump_offloads,
        check=not values.no_check,
        verbose=values.verbose > 0,
        remarks=(*said, *about, *remarks),
    )


def _only(values: argparse.Namespace, name: str) -> str | None:
    """Refuse every value but the only valid one; return the argument if it was left out."""
    wanted, others = _ONLY[name]
    given = getattr(values, name)
    flag = f"--{name.replace('_', '-')}"
    if given is None:
        return f"{flag}={wanted}"
    if given == wanted:
        return None
    if given in others:
        raise UnsupportedError(f"{flag}={given}: {others[given]}.", [f"{flag}={wanted}"])
    raise InputError(f"{flag}={given} is a value that TVMC did not know.", [f"{flag}={wanted}"])


def _check_alignment(name: str, value: str | None) -> None:
    if value is None:
        return
    flag = f"--executor-aot-{name}-byte-alignment"
    if not value.isdigit() or int(value) < 1 or int(value) & (int(value) - 1):
        raise InputError(f"{flag}={value} is no power of two.", [f"{flag}={ALIGN}"])
    if int(value) > ALIGN:
        raise UnsupportedError(f"{flag}={value}: the kernels need {ALIGN} and get it.", ["leave it out"])


def read_pass_configs(configs: list[str]) -> tuple[bool, list[str]]:
    """Whether the workspace lies in the generated C (tir.usmp.enable), and a line about each setting without effect."""
    static, about = False, []
    for config in configs:
        key, equals, value = config.partition("=")
        if not equals or not key:
            raise InputError(
                f"--pass-config {config} is not of the form KEY=VALUE.", ["--pass-config tir.usmp.enable=1"]
            )
        if key == "tir.usmp.enable":
            if value.lower() not in ("0", "1", "true", "false"):
                raise InputError(f"--pass-config {config} is neither 0 nor 1.", ["--pass-config tir.usmp.enable=1"])
            static = value.lower() in ("1", "true")
        elif key == "tir.usmp.use_workspace_io" and value.lower() not in ("0", "false"):
            raise UnsupportedError(
                f"--pass-config {config}: inputs and outputs stay the caller's own arrays.", ["leave it out"]
            )
        elif key == "tir.usmp.algorithm":
            about.append(f"--pass-config {config}: there is one memory planner, largest first at the lowest free place")
        else:
            about.append(f"--pass-config {config}: TVM's passes of that time are gone")
    return static, about


def _workspace(values: argparse.Namespace, static: bool) -> ArenaSource:
    pool, hint = values.workspace_pools, values.workspace_pools_size_hint_bytes
    if pool is None:
        if hint is not None:
            raise InputError("--workspace-pools-size-hint-bytes needs --workspace-pools.", ["--workspace-pools=sram"])
        return ArenaSource("inside" if static else "asked")
    if "," in pool:
        raise UnsupportedError(f"--workspace-pools={pool}: the workspace is one block.", ["name one pool"])
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", pool):
        raise InputError(f"--workspace-pools={pool} cannot be a name in C.", ["--workspace-pools=sram"])
    if hint is None:
        return ArenaSource("pool", pool)
    name, _, size = hint.partition(":")
    if name != pool or not size.isdigit():
        raise InputError(
            f"--workspace-pools-size-hint-bytes={hint} is not of the form {pool}:BYTES.",
            [f"--workspace-pools-size-hint-bytes={pool}:1048576"],
        )
    return ArenaSource("pool", pool, int(size))


def read_shapes(text: str | None) -> dict[str, tuple[int, ...]]:
    """`x:[1,3,32,320] y:[1,8]` as a dictionary."""
    shapes: dict[str, tuple[int, ...]] = {}
    rest = (text or "").strip()
    while rest:
        match = _SHAPE.match(rest)
        sizes = [size.strip() for size in match["sizes"].split(",")] if match else []
        if match is None or not all(size.isdigit() and int(size) > 0 for size in sizes):
            raise InputError(
                f"--input-shapes {text} is not of the form name:[1,3,48,320] with sizes of 1 and more.",
                ['--input-shapes "x:[1,3,48,320]"'],
            )
        shapes[match["name"]] = tuple(int(size) for size in sizes)
        rest = rest[match.end() :].lstrip(" ,")
    return shapes


def read_format(model: Path, wanted: str | None) -> str:
    """`paddle` or `onnx`: as asked for, or as the file's name says."""
    known = wanted or ("paddle" if model.is_dir() else _SUFFIXES.get(model.suffix.lower()))
    if known in ("paddle", "onnx"):
        return known
    if known in _UNREAD_FORMATS:
        given = f"--model-format={known}" if wanted else str(model)
        raise UnsupportedError(f"{given}: models of {known} are not read.", [_UNREAD_FORMATS[known]])
    if wanted:
        raise InputError(f"--model-format={wanted} is a format that TVMC did not know.", ["paddle", "onnx"])
    raise InputError(f"the name of {model} does not say what kind of model it is.", ["--model-format=onnx"])
