"""The metadata.json of a compiled model as values: each of its rows is a class, and reading checks every field once.

`compiler/artifact.py` writes the file. Fields that nothing reads are left out here.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from types import UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints


class DamagedError(ValueError):
    """A field is missing or wrong; the text is its place, such as `operators[3].macs`."""


@dataclass(frozen=True)
class PortRow:
    """The input or the output of the network.

    scale, zero_point: of an output in int8, whose values are (q - zero_point) * scale; 0 for every other one.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    offset: int
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class OperatorRow:
    """One step of the network. output: a name of TensorRow. why_not: target -> why it did not take the operator."""

    name: str
    kind: str
    target: str
    function: str
    macs: int
    live_macs: int
    inputs: tuple[str, ...]
    output: str
    weight_bytes: int
    workspace_bytes: int
    why_not: dict[str, str]


@dataclass(frozen=True)
class TensorRow:
    """Bytes of the arena, needed from operator `first` to operator `last`. view_of: whose bytes these are; or empty.

    window_bytes: those that are there at once, of a tensor that is there in stripes of rows.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    offset: int
    first: int
    last: int
    view_of: str = ""
    window_bytes: int | None = None


@dataclass(frozen=True)
class StripesRow:
    """Operators that run together in stripes of rows. macs_again: those that are computed twice.

    copied_bytes: moved to keep rows for the next stripe. reads_picture: whether the picture is asked for row by row.
    """

    stripes: int
    first: int
    last: int
    calls: int
    macs_again: int
    copied_bytes: int
    reads_picture: bool


@dataclass(frozen=True)
class WorkspaceRow:
    """Scratch bytes of the arena. operator: the number of the operator that needs them."""

    name: str
    bytes: int
    offset: int
    operator: int


@dataclass(frozen=True)
class WeightRow:
    """A weight. offset: in weights.bin."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    offset: int


@dataclass(frozen=True)
class PlaceRow:
    """The memory that the compiler chose for a part of the network, and the part's bytes."""

    region: str
    bytes: int


@dataclass(frozen=True)
class RegionOperatorRow:
    """An operator within a region. vela_cycles: None where Vela computes it together with the next one."""

    name: str
    kind: str
    macs: int
    shape: tuple[int, ...]
    vela_cycles: int | None


@dataclass(frozen=True)
class RegionRow:
    """A part of the network that the NPU computes in one go."""

    name: str
    macs: int
    command_bytes: int
    weight_bytes: int
    scratch_bytes: int
    vela_cycles: int
    operators: tuple[RegionOperatorRow, ...]


@dataclass(frozen=True)
class NpuRow:
    """The NPU's part. vela: the version of Vela. fallback: whether the core computes where there is no NPU."""

    accelerator: str
    macs_per_cycle: int
    memory_mode: str
    system_config: str
    fallback: bool
    macs: int
    vela: str
    vela_cycles: int
    regions: tuple[RegionRow, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkRow:
    """The fields that differ at another width of the input."""

    input: PortRow
    output: PortRow
    macs: int
    arena_lower_bound: int
    operators: tuple[OperatorRow, ...]
    tensors: tuple[TensorRow, ...]
    workspaces: tuple[WorkspaceRow, ...]


@dataclass(frozen=True, kw_only=True)
class WidthRow(NetworkRow):
    """The network at one of several widths. steps: of its output."""

    width: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Metadata(NetworkRow):
    """A compiled model; the network's fields are those at its greatest width.

    ocrm55: the version that wrote it, empty if unknown. versions: packages that the compiler used.
    prefix: the network's name in C. placement: arena, weights, hot_weights, far_weights -> the compiler's choice.
    kernels: the hand-written kernels that the C calls. libraries: those from elsewhere.
    stripes: operators in stripes of rows, and whole_arena_bytes, the arena without them.
    labels, decoder: the recognizer's classes, and what makes a text of their probabilities. restriction: of texts, as
    the user wrote it; empty for none. confidence: weights of its calibration; none where it is not known.
    widths: narrowest first; none for a network of one width. npu: None without an NPU.
    """

    model: str
    precision: str
    arena_bytes: int
    weight_bytes: int
    weights_read_again_bytes: int
    placement: dict[str, PlaceRow]
    weights: tuple[WeightRow, ...]
    ocrm55: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    prefix: str = ""
    kernels: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    decoder: str = ""
    restriction: dict[str, str] = field(default_factory=dict)
    confidence: tuple[float, ...] = ()
    widths: tuple[WidthRow, ...] = ()
    npu: NpuRow | None = None
    stripes: tuple[StripesRow, ...] = ()
    whole_arena_bytes: int = 0

    @classmethod
    def of(cls, values: object) -> Self:
        """The metadata in the parsed JSON. Raises DamagedError."""
        found: Self = _record(cls, values, "")
        _check(found, "")
        for number, row in enumerate(found.widths):
            _check(row, f"widths[{number}].")
        return found

    def at_width(self, width: int | None) -> Self:
        """The same at one of its widths; unchanged for None, and for a network of one width."""
        found = next((row for row in self.widths if row.width == width), None)
        return replace(self, **{each.name: getattr(found, each.name) for each in fields(NetworkRow)}) if found else self

    @property
    def output_comes_by_rows(self) -> bool:
        """Whether the output is never there whole, so that only its rows can be taken (run_into)."""
        return any(tensor.name == self.output.name and tensor.window_bytes is not None for tensor in self.tensors)

    @property
    def full_width(self) -> int | None:
        """The greatest of several widths; None for a network of one width."""
        return max((row.width for row in self.widths), default=None)


def _check(network: NetworkRow, where: str) -> None:
    """What readers rely on besides types. Raises DamagedError."""
    for name, port, rank in (("input", network.input, 4), ("output", network.output, 2)):
        if len(port.shape) < rank or min(port.shape) < 1:
            raise DamagedError(f"{where}{name}.shape")
    tensors = {tensor.name for tensor in network.tensors}
    for number, operator in enumerate(network.operators):
        if operator.output not in tensors:
            raise DamagedError(f"{where}operators[{number}].output")
    for number, workspace in enumerate(network.workspaces):
        if not 0 <= workspace.operator < len(network.operators):
            raise DamagedError(f"{where}workspaces[{number}].operator")


def _record(kind: type, value: object, where: str) -> Any:
    """A dataclass from a JSON object; what it has besides the fields is passed over."""
    given = _checked(dict, value, where)
    before = f"{where}." if where else ""
    found = {}
    for name, (wanted, is_needed) in _wanted(kind).items():
        if name in given:
            found[name] = _value(wanted, given[name], before + name)
        elif is_needed:
            raise DamagedError(before + name)
    return kind(**found)


def _value(kind: Any, value: object, where: str) -> Any:
    """A field's value from JSON, by the field's type."""
    parts = get_args(kind)
    if get_origin(kind) is UnionType:  # with None
        return None if value is None else _value(parts[0], value, where)
    if get_origin(kind) is tuple:
        rows = _checked(list, value, where)
        return tuple(_value(parts[0], each, f"{where}[{number}]") for number, each in enumerate(rows))
    if get_origin(kind) is dict:
        return {name: _value(parts[1], each, where) for name, each in _checked(dict, value, where).items()}
    return _checked(kind, value, where) if kind in (str, int, float, bool) else _record(kind, value, where)


def _checked(kind: type, value: object, where: str) -> Any:
    if type(value) is not kind:  # True is no number here
        raise DamagedError(where)
    return value


@functools.cache
def _wanted(kind: type) -> Mapping[str, tuple[Any, bool]]:
    """Field -> its type, and whether it must be there."""
    types = get_type_hints(kind)
    needed = {each.name: each.default is MISSING and each.default_factory is MISSING for each in fields(kind)}
    return {name: (types[name], is_needed) for name, is_needed in needed.items()}
