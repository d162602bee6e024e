"""The cost of each layer: its row of metadata.json, and the instructions that the simulator counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ocrm55.metadata import Metadata, NpuRow, OperatorRow, TensorRow
from ocrm55.report import names

# MACs a cycle that a Cortex-M55 can reach: two beats of 64 bits a vector instruction, four beats a vector.
PEAK_MACS_A_CYCLE = {"int8": 8, "float32": 2}
# MACs of one vector instruction: 16 lanes of int8, 4 of float32.
MACS_AN_INSTRUCTION = {"int8": 16, "float32": 4}
NPU_REGION = "npu_region"  # the kind of an operator that is an NPU's command stream


@dataclass(frozen=True)
class Layer:
    """One operator of the network, in the order of execution.

    name: as in metadata.json. title: the same for a person, unique. block: its part of the network.
    live_macs: the MACs on the image, without those on its padding.
    macs_a_cycle: the peak rate of the core or NPU that computes it; 0 if unknown.
    instructions: None if the simulator does not count.
    input_bytes, output_bytes, weight_bytes: of the tensors, each byte counted once, however often the kernel loads it.
    """

    index: int
    name: str
    title: str
    block: str
    kind: str
    target: str
    function: str
    shape: tuple[int, ...]
    dtype: str
    macs: int
    live_macs: int
    macs_a_cycle: int
    instructions: int | None
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    workspace_bytes: int
    why_not: Mapping[str, str]

    @property
    def per_mac(self) -> float | None:
        """Instructions a MAC; None without MACs or counts."""
        return ratio(self.instructions, self.macs)

    @property
    def bytes_read(self) -> int:
        return self.weight_bytes + self.input_bytes

    @property
    def bytes_moved(self) -> int:
        return self.bytes_read + self.output_bytes

    @property
    def macs_a_byte(self) -> float | None:
        return ratio(self.live_macs, self.bytes_moved)

    @property
    def bound(self) -> int:
        """The cycles that the MACs need at the peak rate. This is a lower bound, no estimate of the time."""
        return -(-self.live_macs // self.macs_a_cycle) if self.macs_a_cycle else 0

    @property
    def on_npu(self) -> bool:
        return self.kind == NPU_REGION


@dataclass(frozen=True)
class Totals:
    """Sums over layers."""

    macs: int
    live_macs: int
    instructions: int | None
    weight_bytes: int
    input_bytes: int
    output_bytes: int
    bound: int

    @property
    def per_mac(self) -> float | None:
        return ratio(self.instructions, self.macs)


def ratio(part: int | None, whole: int) -> float | None:
    """part / whole; None if one of them is missing or zero."""
    return part / whole if whole and part is not None else None


def layers(metadata: Metadata, instructions: Sequence[int] | None = None) -> list[Layer]:
    """The layers of an artifact's metadata, with the counts of one inference, one for each layer.

    instructions: None or empty if nothing was counted. Raises ValueError when the counts are of other layers.
    """
    operators = metadata.operators
    if instructions and len(instructions) != len(operators):
        raise ValueError(f"{len(instructions)} counts for {len(operators)} operators: one of them is shorter")
    tensors = {tensor.name: tensor for tensor in metadata.tensors}
    kinds = [operator.kind for operator in operators]
    titles = names.unique([names.readable(operator.name) for operator in operators], kinds)
    return [
        _layer(index, operator, titles[index], tensors, instructions[index] if instructions else None, metadata.npu)
        for index, operator in enumerate(operators)
    ]


def _layer(
    index: int,
    operator: OperatorRow,
    title: str,
    tensors: Mapping[str, TensorRow],
    instructions: int | None,
    npu: NpuRow | None,
) -> Layer:
    inputs = [tensors[name] for name in dict.fromkeys(operator.inputs) if name in tensors]
    output = tensors[operator.output]
    dtype = (inputs[0] if inputs else output).dtype
    rate, weight_bytes = PEAK_MACS_A_CYCLE.get(dtype, 0), operator.weight_bytes
    if operator.kind == NPU_REGION and npu:
        rate = npu.macs_per_cycle
        weight_bytes = sum(each.weight_bytes for each in npu.regions if each.name == operator.name)
    return Layer(
        index=index,
        name=operator.name,
        title=title,
        block=names.block(operator.name),
        kind=operator.kind,
        target=operator.target,
        function=operator.function,
        shape=output.shape,
        dtype=dtype,
        macs=operator.macs,
        live_macs=operator.live_macs,
        macs_a_cycle=rate,
        instructions=instructions,
        weight_bytes=weight_bytes,
        input_bytes=sum(tensor.bytes for tensor in inputs),
        output_bytes=output.bytes,
        workspace_bytes=operator.workspace_bytes,
        why_not=operator.why_not,
    )


def totals(rows: Sequence[Layer]) -> Totals:
    """Sums over some or all layers. The instructions are None unless every layer has its count."""
    counts = [row.instructions for row in rows if row.instructions is not None]
    return Totals(
        macs=sum(row.macs for row in rows),
        live_macs=sum(row.live_macs for row in rows),
        instructions=sum(counts) if len(counts) == len(rows) else None,
        weight_bytes=sum(row.weight_bytes for row in rows),
        input_bytes=sum(row.input_bytes for row in rows),
        output_bytes=sum(row.output_bytes for row in rows),
        bound=sum(row.bound for row in rows),
    )


def by(rows: Sequence[Layer], key: Callable[[Layer], str]) -> dict[str, list[Layer]]:
    """Layers in groups, such as by kind; the group with the most instructions, or MACs, first."""
    groups: dict[str, list[Layer]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)

    def weight(group: list[Layer]) -> tuple[int, int]:
        sums = totals(group)
        return sums.instructions or 0, sums.macs

    return dict(sorted(groups.items(), key=lambda item: weight(item[1]), reverse=True))
