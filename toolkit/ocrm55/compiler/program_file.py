"""The lowered program as a file of the artifact, so that the host's reference computes the compiled program.

`program/WIDTH.json` holds the operators and tensors, `program/values.npz` the weights that they read. They contain
no code: objects are the dataclasses of the operators, by name, and reading makes no others. Accelerators keep most of
their operators in files of their own.
"""

from __future__ import annotations

import functools
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ocrm55 import files
from ocrm55.compiler.operators import float32, registry
from ocrm55.compiler.operators.float32 import Spec
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.compiler.operators.quantization import Quantization
from ocrm55.compiler.targets import accelerators
from ocrm55.errors import InputError
from ocrm55.normalisation import Normalisation

FOLDER, VALUES = "program", "values.npz"
VERSION = 1
_AGAIN = ["ocrm55 compile --force"]
# What json, zipfile, zlib and numpy raise over damaged files, and our own reading.
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, MemoryError, RuntimeError, zlib.error,
           struct.error, zipfile.LargeZipFile)  # fmt: skip
# Fields of an operator that only planning and code generation read.
_LEFT_OUT = {"arguments", "workspaces", "in_place", "overlap", "why_not", "attempt", "fallback", "function"}
_Values = dict[str, np.ndarray]


def write(programs: Mapping[int, Program], folder: Path) -> None:
    """Write the int8 programs, by the width of their input, into the folder of an artifact."""
    place = folder / FOLDER
    place.mkdir()
    values: _Values = {}
    names: dict[bytes, str] = {}
    for width, program in programs.items():
        text = json.dumps({"version": VERSION, **_program(program, values, names)}, separators=(",", ":"))
        (place / f"{width}.json").write_text(text + "\n", encoding="utf-8")
    with (place / VALUES).open("wb") as stream:
        np.savez(stream, **values)  # type: ignore[arg-type]


def read(folder: Path, width: int | None = None) -> Program:
    """The program of an int8 artifact at one of its widths; by default at the widest.

    Raises InputError where the artifact has none, or a damaged one.
    """
    place = folder / FOLDER
    try:
        widths = [int(path.stem) for path in place.glob("*.json") if path.stem.isdecimal()]
        chosen = max(widths) if width is None and widths else width
        if chosen not in widths:
            raise InputError(f"{folder} keeps no program of {chosen or 'any'} columns.", ["--precision int8", *_AGAIN])
        value = json.loads(files.read_text(place / f"{chosen}.json"))
        with np.load(place / VALUES, allow_pickle=False) as stored:
            values = {name: stored[name] for name in stored.files}
        return accelerators.read_files(_read_program(value, values), folder)
    except (OSError, EOFError, zipfile.BadZipFile) as trouble:
        raise InputError(f"{place} cannot be read: {trouble}.", _AGAIN) from trouble
    except _DAMAGE as trouble:
        raise InputError(f"{place} is damaged, or another version's.", _AGAIN) from trouble


def _program(program: Program, values: _Values, names: dict[bytes, str]) -> dict[str, Any]:
    """The program without tensors that only the generated C reads, such as packed weights."""
    used = {name for operator in program.operators for name in (*operator.inputs, *operator.outputs)}
    for name in list(used):
        while (view_of := program.tensors[name].view_of) is not None:
            used.add(name := view_of)
    tensors = []
    for tensor in program.tensors.values():
        if tensor.name in used or tensor.role in ("input", "output"):
            data = None if tensor.data is None else _store(tensor.data, values, names)
            tensors.append(_plain(replace(tensor, data=None)) | {"data": data})
    return {
        "name": program.name,
        "precision": program.precision,
        "tensors": tensors,
        "operators": [_plain(operator) for operator in program.operators],
        "normalisation": asdict(program.normalisation),
        "sources": {tensor: source for tensor, source in program.sources.items() if tensor in used},
    }


def _store(data: np.ndarray, values: _Values, names: dict[bytes, str]) -> str:
    """The name under which an array's values are kept, each once."""
    key = repr((data.dtype.str, data.shape)).encode() + data.tobytes()
    if key not in names:
        names[key] = f"v{len(names)}"
        values[names[key]] = data
    return names[key]


def _plain(value: Any) -> Any:
    """A value in JSON's words: a dataclass as its class and fields, a tuple as a list."""
    if is_dataclass(value) and not isinstance(value, type):
        left_out = {each.name for each in fields(value) if not each.metadata.get("kept", True)}
        left_out |= _LEFT_OUT if isinstance(value, Operator) else set()
        known = {each.name: _plain(getattr(value, each.name)) for each in fields(value) if each.name not in left_out}
        return {"is": type(value).__name__, **known}
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{type(value).__name__} is no part of a program that can be kept")


def _classes() -> dict[str, type]:
    """The only classes that reading makes, by name: tensors, operators, specs and their parts."""
    return _classes_with(tuple(accelerators.specs()))


@functools.cache
def _classes_with(more: tuple[type, ...]) -> dict[str, type]:
    known: dict[str, type] = {each.__name__: each for each in (Tensor, Quantization, Operator, *more)}
    for module in (float32, *registry.INT8_FAMILIES):
        values = [each for each in vars(module).values() if isinstance(each, type) and is_dataclass(each)]
        known |= {each.__name__: each for each in values if each.__module__.startswith("ocrm55.compiler.operators.")}
    return known


def _read_value(value: Any) -> Any:
    """The inverse of _plain. Raises KeyError, TypeError or ValueError for values that _plain does not write."""
    if isinstance(value, dict):
        kind = _classes()[value["is"]]
        return kind(**{name: _read_value(each) for name, each in value.items() if name != "is"})
    return tuple(_read_value(each) for each in value) if isinstance(value, list) else value


def _read_program(value: Any, values: _Values) -> Program:
    if value["version"] != VERSION:
        raise ValueError("another version")
    program = Program(str(value["name"]), str(value["precision"]))
    for row in value["tensors"]:
        data = None if row["data"] is None else values[row["data"]]
        tensor = _read_value(row | {"data": None})
        if not isinstance(tensor, Tensor) or (data is not None and data.shape != tensor.shape):
            raise ValueError("no tensor")
        if tensor.quantization is not None and tensor.quantization.per_channel:
            raise ValueError("a tensor has one scale")
        program.tensors[tensor.name] = replace(tensor, data=data)
    for name in program.tensors:
        program.storage(name)  # raises where a view is of nothing, or of itself
    for row in value["operators"]:
        operator = _read_value(row)
        if not isinstance(operator, Operator) or not isinstance(operator.spec, Spec):
            raise TypeError("no operator")
        operator.inputs, operator.outputs = list(operator.inputs), list(operator.outputs)
        if not {*operator.inputs, *operator.outputs} <= set(program.tensors):
            raise ValueError("no tensor of that name")
        program.operators.append(operator)
    program.normalisation = Normalisation.of_values(value["normalisation"])
    program.sources = dict(value["sources"])
    return program
