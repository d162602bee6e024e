"""Model Library Format: the archive that TVMC wrote and that Makefiles unpack.

metadata.json                        version, memory by function, inputs and outputs
codegen/host/{include,src}           the C
parameters/NAME.params               the model's constants by name, in TVM's own format
src/NAME.onnx                        the model as it was compiled
runtime/                             what the C needs of TVM's C runtime
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper

from ocrm55 import __version__, libraries
from ocrm55.compiler.memory.planner import MemoryPlan
from ocrm55.compiler.operators.program import Program
from ocrm55.files import atomic_file
from ocrm55.tvmc import sources
from ocrm55.tvmc.interface import Port, ports
from ocrm55.tvmc.settings import Settings

VERSION = 7  # version of the format, as TVM 0.10 to 0.18 wrote it
_CPU = 1  # DLPack's number of the device
_RUNTIME = Path(__file__).parent / "runtime"
_ETHOSU = Path(__file__).parent / "ethosu"
NPU = "ethos-u"
_DEPENDENCIES = {
    libraries.LIBRARY: {
        "short_name": "cmsis_nn",
        "url": "https://github.com/ARM-software/CMSIS-NN.git",
        "url_type": "git",
        "version_spec": ">=v7.0.0",
    },
    NPU: {
        "short_name": "ethos_u_core_driver",
        "url": "https://gitlab.arm.com/artificial-intelligence/ethos-u/ethos-u-core-driver.git",
        "url_type": "git",
        "version_spec": ">=22.02",
    },
}


@dataclass(frozen=True)
class Library:
    """A compiled model before it is written: `files` by path in the archive."""

    settings: Settings
    program: Program
    plan: MemoryPlan
    model: onnx.ModelProto
    kernels: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()  # libraries that the C calls and that are not in the archive
    accelerator: str = ""  # computes some of the program
    told: Mapping[str, Any] = field(default_factory=dict)  # by the targets, for the metadata

    @property
    def ports(self) -> tuple[list[Port], list[Port]]:
        return ports(self.model, self.program, self.plan)


def write(library: Library) -> Path:
    """Write the archive, whole or not at all."""
    now = _now()
    with atomic_file(library.settings.output) as staging, tarfile.open(staging, "w") as archive:
        for path, content in contents(library, now):
            entry = tarfile.TarInfo(f"./{path}")
            entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return library.settings.output


def metadata(library: Library, now: datetime) -> dict[str, Any]:
    """metadata.json. The fields under `ocrm55` are this project's own; all others are TVM's."""
    program, settings = library.program, library.settings
    inputs, outputs = library.ports
    functions = {operator.function: sum(w.bytes for w in operator.workspaces) for operator in program.steps}
    main = {
        "device": _CPU,
        "workspace_size_bytes": sources.workspace_bytes(program, library.plan, settings.workspace),
        "constants_size_bytes": sources.constant_bytes(program),
        "io_size_bytes": sum(port.bytes for port in (*inputs, *outputs)),
        "inputs": {port.name: _tensor(port) for port in inputs},
        "outputs": {port.name: _tensor(port) for port in outputs},
    }
    module = {
        "model_name": settings.name,
        "export_datetime": now.strftime("%Y-%m-%d %H:%M:%SZ"),
        "executors": ["aot"],
        "style": "full-model",
        "target": [settings.target_text],
        "memory": {
            "functions": {
                "main": [main],
                "operator_functions": [
                    {"function_name": name, "workspace": [{"device": _CPU, "workspace_size_bytes": size}]}
                    for name, size in functions.items()
                ],
            }
        },
        "external_dependencies": [
            {
                "short_name": "tvm_standalone_crt",
                "url": "./runtime",
                "url_type": "mlf_path",
                "version_spec": f"ocrm55 {__version__}",
            },
            *(_DEPENDENCIES[name] for name in (*library.libraries, *([NPU] if library.accelerator else []))),
        ],
        "ocrm55": {
            "version": __version__,
            "precision": program.precision,
            "macs": program.macs,
            "operators": [
                {"layer": step.layer, "kind": step.kind, "function": step.function, "target": step.target}
                for step in program.steps
            ],
            **library.told,
        },
    }
    return {"version": VERSION, "modules": {settings.name: module}}


def _tensor(port: Port) -> dict[str, Any]:
    return {"dtype": port.dtype, "size": port.bytes, "shape": list(port.shape)}


def contents(library: Library, now: datetime | None = None) -> Iterator[tuple[str, bytes]]:
    """The files by their path in the archive."""
    now, name = now or _now(), library.settings.name
    yield "metadata.json", (json.dumps(metadata(library, now), indent=2, sort_keys=True) + "\n").encode()
    written = sources.files(
        library.program,
        library.plan,
        library.ports,
        library.kernels,
        library.settings.workspace,
        library.libraries,
        library.accelerator,
    )
    for path, text in written.items():
        yield f"codegen/host/{path}", text.encode()
    yield f"parameters/{name}.params", _parameters(library.model)
    yield f"src/{name}.onnx", library.model.SerializeToString(deterministic=True)
    for file in sorted(path for path in _RUNTIME.rglob("*") if path.suffix in (".c", ".h")):
        yield f"runtime/{file.relative_to(_RUNTIME).as_posix()}", file.read_bytes()
    for file in sorted(_ETHOSU.iterdir()) if library.accelerator else []:
        yield f"runtime/src/runtime/contrib/ethosu/bare_metal/{file.name}", file.read_bytes()


def _parameters(model: onnx.ModelProto) -> bytes:
    """The model's constants, as tvm.runtime.load_param_dict reads them."""
    import tvm

    values = {each.name: tvm.runtime.tensor(numpy_helper.to_array(each)) for each in model.graph.initializer}
    return bytes(tvm.runtime.save_param_dict(values))


def _now() -> datetime:
    """The time, or SOURCE_DATE_EPOCH for reproducible archives."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)
