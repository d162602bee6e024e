"""The tables of `ocrm55 compile`: operators with their MACs and weights, and the places of the arena's bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ocrm55 import console
from ocrm55.artifact import Artifact
from ocrm55.metadata import Metadata, NpuRow, OperatorRow, PlaceRow
from ocrm55.report import figures, names
from ocrm55.report.figures import MACS
from ocrm55.report.layers import NPU_REGION

VELA = "Vela's cycles"
TARGET = 2  # place of the target's column


def show(artifact: Artifact) -> None:
    """Print an artifact's metadata: a row for each operator, then the sums."""
    metadata, npu, operators = artifact.metadata, artifact.npu, artifact.operators
    asked = any(operator.why_not for operator in operators)  # say why the other targets did not take it
    columns = ["layer", "kind", "target", "output", MACS, "weights", "scratch", *([VELA] if npu else [])]
    rows = [[*row, *([""] * (len(columns) - len(row)))] for row in _rows(operators, metadata, npu)]
    if asked:
        columns.append("why")
        whys = [_why(operator) for operator in operators for _ in _parts(operator, npu)]
        rows = [[*row, why] for row, why in zip(rows, whys, strict=True)]
    only = {row[TARGET] for row in rows}
    title = f"layers, computed by {only.pop()}" if len(only) == 1 else ""
    if title:  # the same word in every row
        columns, rows = _without(columns, TARGET), [_without(row, TARGET) for row in rows]
    console.table(title, columns, rows, right=(MACS, "weights", "scratch", VELA))
    if npu:
        _show_regions(npu, metadata.macs)
    bound = metadata.arena_lower_bound
    console.result()
    live = sum(operator.live_macs for operator in operators)
    console.result(f"MACs       {metadata.macs:>13,} padded: those on padding count")
    console.result(f"           {live:>13,} live: those on padding do not")
    console.result(f"weights    {metadata.weight_bytes:>13,} bytes")
    console.result(f"arena      {metadata.arena_bytes:>13,} bytes, lower bound {bound:,}")
    again = metadata.weights_read_again_bytes
    if again:
        console.result(f"again      {again:>13,} bytes of weights are read for that, and no MAC is twice")
    if metadata.stripes:
        _show_stripes(metadata)
    for line in places(metadata.placement):
        console.result(line)
    _show_int4(artifact)


def places(placement: Mapping[str, PlaceRow]) -> list[str]:
    """What lies where, in a line each; and which memory has no room for weights that lie farther away."""
    said = {"hot_weights": "weights that are read most often"}
    if "far_weights" in placement:
        said["far_weights"] = f"weights read least often: {placement['weights'].region} has no room"
    return [
        f"{place.region:<10} {place.bytes:>13,} bytes of {said.get(what, what)}" for what, place in placement.items()
    ]


def _show_stripes(metadata: Metadata) -> None:
    """The operators that run in stripes of rows, and what the arena would be without: a row for each segment."""
    twice = sum(row.macs_again for row in metadata.stripes)
    copied = sum(row.copied_bytes for row in metadata.stripes)
    share = 100 * twice / max(metadata.macs, 1)
    console.result(f"whole      {metadata.whole_arena_bytes:>13,} bytes of arena without stripes of rows")
    console.result(f"twice      {twice:>13,} {MACS}, {share:.1f} %")
    console.result(f"copied     {copied:>13,} bytes from stripe to stripe")
    for row in metadata.stripes:
        picture = ", and the picture's rows" if row.reads_picture else ""
        console.result(f"stripes    {row.stripes:>13} for operators {row.first} to {row.last}{picture}")


def _show_int4(artifact: Artifact) -> None:
    """The layers with int4 weights, the bytes that they save, and their cost on the calibration images."""
    import onnx

    from ocrm55.compiler.quantization.int4 import Int4

    found = Int4.of(onnx.load(str(artifact.onnx)))
    if found is None:
        return
    names_and_numbers = ("weights of", "number", "as", "SNR of sums", "divergence alone")
    rows = [
        (
            names.readable(layer.name.removesuffix(".weight")), f"{layer.weights:,}", "int4" if layer.taken else "int8",
            f"{layer.snr:.1f} dB", f"{layer.divergence:.5f}",
        )
        for layer in found.layers
    ]  # fmt: skip
    console.table("", names_and_numbers, rows, right=(names_and_numbers[1], *names_and_numbers[3:]))
    taken = sum(layer.taken for layer in found.layers)
    now, before = reversed(found.as_float)
    console.result(f"int4       {taken:>13} of {len(found.layers)} layers that could have it")
    console.result(f"saved      {found.saved:>13,} of {found.bytes_int8:,} bytes")
    console.result(f"same       {found.same:>13} of {found.images} calibration images are read as with int8 weights")
    console.result(f"as float   {now:>13} of them are read as by the float network, with int8 {before}")
    console.result(f"sure       {found.sure[1]:>13.4f} mean probability of the float network's texts")
    console.result(f"           {found.sure[0]:>13.4f} with int8; it may fall by {found.max_drop:g}")


def _without(row: Sequence[str], place: int) -> list[str]:
    return [*row[:place], *row[place + 1 :]]


def _rows(operators: Sequence[OperatorRow], metadata: Metadata, npu: NpuRow | None) -> Iterator[tuple[str, ...]]:
    """A row for each operator, also for each of those in a region of the NPU."""
    titles = names.unique([names.readable(each.name) for each in operators], [each.kind for each in operators])
    shapes = {tensor.name: tensor.shape for tensor in metadata.tensors}
    for title, operator in zip(titles, operators, strict=True):
        for part in _parts(operator, npu):
            if isinstance(part, OperatorRow):
                sizes = (figures.nonzero(part.weight_bytes), figures.nonzero(part.workspace_bytes))
                shape = figures.shape(shapes[part.output])
                yield (title, part.kind, part.target, shape, figures.nonzero(part.macs), *sizes)
            else:  # if Vela computes several as one, the last of them has the estimate
                estimate = "" if part.vela_cycles is None else f"{part.vela_cycles:,}"
                place, shape = f"{operator.target} {operator.name}", figures.shape(part.shape)
                yield (names.readable(part.name), part.kind, place, shape, figures.nonzero(part.macs), "", "", estimate)


def _parts(operator: OperatorRow, npu: NpuRow | None) -> Sequence[Any]:
    """The operators of a region, or the operator itself."""
    if npu is None or operator.kind != NPU_REGION:
        return [operator]
    return next(each for each in npu.regions if each.name == operator.name).operators


def _show_regions(npu: NpuRow, macs: int) -> None:
    """A row for each region, and their sums."""
    sums = ("operators", MACS, "commands", "weights", "scratch", VELA)
    console.table(
        "",
        (f"region of the {npu.accelerator}", *sums),
        (
            (
                region.name, str(len(region.operators)), f"{region.macs:,}",
                f"{region.command_bytes:,}", f"{region.weight_bytes:,}", f"{region.scratch_bytes:,}",
                f"{region.vela_cycles:,}",
            )
            for region in npu.regions
        ),
        right=sums,
    )  # fmt: skip
    console.result()
    console.result(f"NPU        {npu.macs:>13,} {MACS}, {100 * npu.macs / max(macs, 1):.1f} % of all")
    console.paragraph(
        f"Vela {npu.vela} estimates {npu.vela_cycles:,} cycles for them ({npu.system_config}, "
        f"{npu.memory_mode}): an estimate of its own, nothing that was measured."
    )


def _why(operator: OperatorRow) -> str:
    """The reasons why the other targets, before or after, did not take an operator."""
    return "; ".join(f"{target} {reason}" for target, reason in operator.why_not.items())
