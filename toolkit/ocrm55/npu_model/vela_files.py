"""Files that Vela writes: the TFLite with one `ethos-u` operator, and the raw .npz."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ocrm55 import files, plain_pickle
from ocrm55.errors import InputError, Ocrm55Error, ToolchainError, UnsupportedError
from ocrm55.npu_model.accelerators import Accelerator, by_macs
from ocrm55.npu_model.machine import Result, Watch, run

# Vela's numbers of the base pointers.
WEIGHTS_REGION, ARENA_REGION, FAST_REGION = 0, 1, 2

LARGEST_MEMORY = 1 << 30  # bytes
MOST_UNPACKED = 128 << 20  # of a .npz: a small file may hold any number of zeros

_TYPES = {0: np.float32, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_, 7: np.int16, 9: np.int8}


@dataclass(frozen=True)
class Tensor:
    """An input or output of the network: its region, its place there, and its quantisation (scale 0: none)."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    region: int
    offset: int
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        if self.offset < 0 or min(self.shape, default=1) < 1:
            raise InputError(f"Tensor {self.name} of shape {list(self.shape)} cannot lie at byte {self.offset}.")

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Program:
    """A network that runs on the NPU from its inputs to its outputs."""

    accelerator: Accelerator
    command_stream: NDArray[np.uint32]
    weights: NDArray[np.uint8]
    region_bytes: dict[int, int]
    inputs: list[Tensor]
    outputs: list[Tensor]

    def run(
        self, values: Sequence[NDArray[np.generic]], watch: Watch | None = None
    ) -> tuple[list[NDArray[np.generic]], Result]:
        """Outputs for these inputs, and what the NPU did. watch: see machine.run."""
        if len(values) != len(self.inputs):
            raise InputError(f"The network has {len(self.inputs)} inputs; {len(values)} were given.")
        sizes = self.region_bytes.values()
        needed = sum(sizes) + self.weights.size
        if min(sizes) < 0:
            raise InputError(f"The network asks for {min(sizes)} bytes of memory.")
        if needed > LARGEST_MEMORY:
            raise InputError(f"The network asks for {needed} bytes of memory; no system with this NPU has so many.")
        # Memory is not zero on a board either. This shows a stream that reads what nobody wrote.
        regions = {number: np.full(size, 0xA5, np.uint8) for number, size in self.region_bytes.items()}
        regions[WEIGHTS_REGION] = self.weights.copy()
        for tensor in (*self.inputs, *self.outputs):
            if tensor.region not in regions or tensor.offset + tensor.bytes > regions[tensor.region].size:
                raise InputError(f"Tensor {tensor.name} lies outside region {tensor.region}.")
        for tensor, value in zip(self.inputs, values, strict=True):
            if _without_leading_ones(value.shape) != _without_leading_ones(tensor.shape) or value.dtype != tensor.dtype:
                raise InputError(
                    f"Input {tensor.name} is {tensor.dtype}{list(tensor.shape)}, not {value.dtype}{list(value.shape)}."
                )
            raw = np.ascontiguousarray(value).reshape(-1).view(np.uint8)
            regions[tensor.region][tensor.offset : tensor.offset + raw.size] = raw
        result = run(self.command_stream, regions, self.accelerator, watch)
        outputs = []
        for tensor in self.outputs:
            raw = regions[tensor.region][tensor.offset : tensor.offset + tensor.bytes]
            outputs.append(raw.view(tensor.dtype).reshape(tensor.shape).copy())
        return outputs, result


def _without_leading_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape without axes of 1 in front, to compare shapes: the raw format pads all of them to six axes."""
    first = next((i for i, n in enumerate(shape) if n != 1), len(shape))
    return tuple(int(n) for n in shape[first:])


def load(path: Path) -> Program:
    """Read `network_vela.tflite` or `network_vela.npz`."""
    try:
        data = files.read_bytes(path)
    except OSError as trouble:
        raise InputError(f"{path} cannot be read: {trouble.strerror}.") from trouble
    if path.suffix == ".npz":
        return _from_npz(path)
    return from_tflite(data, str(path))


# --- the driver's payload ---------------------------------------------------------------------------------------------


def unpack_payload(payload: bytes, name: str) -> tuple[NDArray[np.uint32], Accelerator]:
    """The command stream inside the driver actions, and the accelerator that they were made for."""
    words = np.frombuffer(payload[: len(payload) // 4 * 4], "<u4")
    try:
        if payload[:4] == b"COP1":
            return _unpack_actions(words, name)
        if payload[:4] == b"COP2":
            return _unpack_entry(words, name)
    except IndexError:
        raise InputError(f"{name}: the driver payload ends before its command stream.") from None
    raise UnsupportedError(f"{name}: the driver payload starts with {payload[:4]!r}; COP1 and COP2 are known.")


def _unpack_actions(words: NDArray[np.uint32], name: str) -> tuple[NDArray[np.uint32], Accelerator]:
    """COP1: the lowest byte of a word says what follows.

    1 is the configuration (two more words: CONFIG and ID as the registers should read), 5 nothing, 2 the command
    stream with its length in words: 16 bits in the upper half of the word, 8 more below them.
    """
    accelerator = None
    index = 1
    while True:
        word = int(words[index])
        action = word & 0xFF
        if action == 1:
            accelerator = _configuration(int(words[index + 1]), name)
            index += 3
        elif action == 5:
            index += 1
        elif action == 2 and accelerator:
            length = (word >> 8 & 0xFF) << 16 | word >> 16
            return words[index + 1 : index + 1 + length].copy(), accelerator
        else:
            raise UnsupportedError(f"{name}: driver action {action} at word {index} of the payload is not known.")


def _unpack_entry(words: NDArray[np.uint32], name: str) -> tuple[NDArray[np.uint32], Accelerator]:
    """COP2: 16 bytes of header, then one entry: type 1, its bytes, bytes of metadata (CONFIG at word 10), stream."""
    if int(words[4]) != 1:
        raise UnsupportedError(f"{name}: driver entry {int(words[4])} of the payload is not known.")
    metadata = int(words[6])
    first = (28 + metadata) // 4
    length = (int(words[5]) - 4 - metadata) // 4
    return words[first : first + length].copy(), _configuration(int(words[10]), name)


def _configuration(config: int, name: str) -> Accelerator:
    """CONFIG: bits 3..0 log2 of the MACs a cycle, 15..8 SHRAM in KB, 31..28 the product (0 Ethos-U55, 1 -U65)."""
    if config >> 28 > 1:
        raise UnsupportedError(f"{name} was compiled for neither Ethos-U55 nor Ethos-U65 (CONFIG {config:#010x}).")
    return by_macs(1 << (config & 0xF), config >> 28)


# --- TFLite -----------------------------------------------------------------------------------------------------------


def from_tflite(data: bytes, name: str) -> Program:
    """The program in a TFLite file whose only operator is `ethos-u`."""
    try:
        from ethosu.vela.tflite.Model import Model
    except ImportError as missing:
        raise ToolchainError(
            "TFLite files are read with ethos-u-vela's schema, which is not installed.", ["pip install 'ocrm55[npu]'"]
        ) from missing
    if data[4:8] != b"TFL3":
        raise InputError(f"{name} is not a TFLite file.")
    try:
        model = Model.GetRootAsModel(data, 0)
        graph = model.Subgraphs(0)
        operators = [graph.Operators(i) for i in range(graph.OperatorsLength())]
        codes = [_operator_name(model.OperatorCodes(op.OpcodeIndex())) for op in operators]
        if codes != ["ethos-u"]:
            raise UnsupportedError(
                f"{name} is not one ethos-u operator but {', '.join(sorted(set(codes))) or 'nothing'}: only networks "
                "that Vela places on the NPU as a whole can be run.",
                ["look for operators left on the CPU with vela --show-cpu-operations"],
            )
        return _program(model, graph, operators[0], name)
    except Ocrm55Error:
        raise
    except Exception as damaged:  # flatbuffers follows any offset, and may raise anything
        raise InputError(f"{name} is damaged ({_first_line(damaged)}).") from damaged


def _operator_name(code) -> str:  # type: ignore[no-untyped-def]
    from ethosu.vela.tflite.BuiltinOperator import BuiltinOperator

    if code.CustomCode() is not None:
        return str(code.CustomCode().decode())
    number = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
    return next((key for key, value in vars(BuiltinOperator).items() if value == number), f"operator {number}")


def _program(model, graph, operator, name: str) -> Program:  # type: ignore[no-untyped-def]
    offsets = _arena_offsets(model, name)
    stream_index, weights_index, arena_index, fast_index = (int(operator.Inputs(i)) for i in range(4))
    payload = model.Buffers(graph.Tensors(stream_index).Buffer()).DataAsNumpy().tobytes()
    stream, accelerator = unpack_payload(payload, name)
    weights = model.Buffers(graph.Tensors(weights_index).Buffer()).DataAsNumpy()

    def tensor(index: int) -> Tensor:
        return _tensor(graph.Tensors(index), offsets[index], name)

    inputs = [tensor(int(graph.Inputs(i))) for i in range(graph.InputsLength())]
    outputs = [tensor(int(graph.Outputs(i))) for i in range(graph.OutputsLength())]
    arena = max([_elements(graph.Tensors(arena_index))] + [t.offset + t.bytes for t in inputs + outputs])
    region_bytes = {ARENA_REGION: arena}
    if fast_index != arena_index:
        region_bytes[FAST_REGION] = _elements(graph.Tensors(fast_index))
    constants = np.zeros(0, np.uint8) if isinstance(weights, int) else np.array(weights, np.uint8)
    return Program(accelerator, stream, constants, region_bytes, inputs, outputs)


def _elements(tensor) -> int:  # type: ignore[no-untyped-def]
    return math.prod(np.ravel(tensor.ShapeAsNumpy()).tolist())


def _arena_offsets(model, name: str) -> list[int]:  # type: ignore[no-untyped-def]
    """Metadata OfflineMemoryAllocation: int32 version, subgraph, count, then each tensor's offset in the arena."""
    for i in range(model.MetadataLength()):
        entry = model.Metadata(i)
        if entry.Name() == b"OfflineMemoryAllocation":
            words = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
            return [int(v) for v in np.frombuffer(words, "<i4")[3:]]
    raise InputError(f"{name} has no OfflineMemoryAllocation metadata: it says where the tensors are in the arena.")


def _tensor(tensor, offset: int, name: str) -> Tensor:  # type: ignore[no-untyped-def]
    label = tensor.Name().decode() if tensor.Name() else "?"
    if tensor.Type() not in _TYPES:
        raise UnsupportedError(f"{name}: the type of tensor {label} (number {tensor.Type()}) is not known.")
    shape = () if tensor.ShapeIsNone() else tuple(int(n) for n in tensor.ShapeAsNumpy())
    quantization = tensor.Quantization()
    known = quantization is not None and quantization.ScaleLength() > 0
    return Tensor(
        label,
        shape,
        np.dtype(_TYPES[tensor.Type()]),
        ARENA_REGION,
        offset,
        float(quantization.Scale(0)) if known else 0.0,
        int(quantization.ZeroPoint(0)) if known and quantization.ZeroPointLength() else 0,
    )


# --- raw --------------------------------------------------------------------------------------------------------------


def _from_npz(path: Path) -> Program:
    try:
        data = _arrays(path)
        stream, accelerator = unpack_payload(np.asarray(data["cmd_data"]).tobytes(), str(path))
        region_bytes = {int(data["scratch_region"]): int(data["scratch_size"])}
        fast = int(data["scratch_fast_region"])
        region_bytes.setdefault(fast, int(data["scratch_fast_size"]))
        weights = np.asarray(data["weight_data"]).reshape(-1).view(np.uint8)
        inputs, outputs = _raw_tensors(data, "input"), _raw_tensors(data, "output")
        for tensor in (*inputs, *outputs):  # --separate-io-regions gives them base pointers of their own
            region_bytes[tensor.region] = max(region_bytes.get(tensor.region, 0), tensor.offset + tensor.bytes)
        return Program(accelerator, stream, weights.copy(), region_bytes, inputs, outputs)
    except Ocrm55Error:
        raise
    except Exception as damaged:  # zipfile, zlib, numpy and pickle each fail in ways of their own
        raise InputError(f"{path} is not what `vela --output-format raw` writes ({_first_line(damaged)}).") from damaged


def with_weights(raw: bytes, weights: NDArray[np.uint8]) -> bytes:
    """What `vela --output-format raw` wrote, with other weights, as many bytes."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as read, zipfile.ZipFile(written, "w") as archive:
        for member in read.infolist():
            data = read.read(member)
            if member.filename == "weight_data.npy":
                data = data[: len(data) - weights.size] + weights.tobytes()
            archive.writestr(member, data, member.compress_type)
    return written.getvalue()


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz by name."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > MOST_UNPACKED:
            raise InputError(f"{path} has more than {MOST_UNPACKED:,} bytes once it is unpacked.")
        for name in archive.namelist():
            with archive.open(name) as member:
                found[name.removesuffix(".npy")] = _array(io.BytesIO(member.read()))
    return found


def _array(file: io.BytesIO) -> NDArray[Any]:
    """One .npy. numpy's own reader would run code from a pickled one."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read_header(file)
    if dtype.hasobject:
        return np.asarray(plain_pickle.load(file), object)  # Vela pickles the quantisation: dicts of numbers and arrays
    file.seek(0)
    return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _first_line(trouble: Exception) -> str:
    return (str(trouble) or type(trouble).__name__).splitlines()[0][:200].rstrip(".")


def _raw_tensors(data: dict[str, NDArray[np.generic]], kind: str) -> list[Tensor]:
    """The raw format gives the bytes of an element, not its type; elements are read as signed."""
    tensors = []
    for i, shape in enumerate(data[f"{kind}_shape"]):
        quantization = data.get(f"{kind}_quantization", np.zeros(0, object))
        entry = quantization[i] if i < len(quantization) and isinstance(quantization[i], dict) else {}
        scales, zeros = np.ravel(entry.get("scale", [])), np.ravel(entry.get("zero_point", []))
        tensors.append(
            Tensor(
                f"{kind} {i}",
                (1,) * max(0, 4 - len(known := _without_leading_ones(np.ravel(shape).tolist()))) + known,
                np.dtype(f"i{int(data[f'{kind}_elem_size'][i])}"),
                int(data[f"{kind}_region"][i]),
                int(data[f"{kind}_offset"][i]),
                float(scales[0]) if scales.size else 0.0,
                int(zeros[0]) if zeros.size else 0,
            )
        )
    return tensors
