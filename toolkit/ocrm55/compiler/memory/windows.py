"""Lives and places of tensors while operators run in stripes of rows."""

from __future__ import annotations

from collections.abc import Iterator

from ocrm55.compiler.operators.program import Operator, Overlap, Program
from ocrm55.compiler.operators.stripes import Segment, find, kept_name


def live_through(program: Program, segment: Segment, lifetimes: dict[str, tuple[int, int]]) -> None:
    """Lengthen lives: what is there whole is read and written in every stripe, and kept rows live from one to the next.

    lifetimes: first and last step of tensors, as if every operator ran once.
    """
    first, last = _steps(program, segment)
    written = _written(program, segment)
    for owner in written | _read(program, segment):
        begin, end = lifetimes[owner]
        if owner == segment.input:
            lifetimes[owner] = (first, end)
        elif owner not in segment.windows:
            lifetimes[owner] = (min(begin, first) if owner in written else begin, max(end, last))
    for owner, window in segment.windows.items():
        if window.kept_bytes:
            lifetimes[kept_name(owner)] = (first, last)


def may_lie_over(program: Program, operator: Operator, image: str) -> bool:
    """Whether an output may lie over an input: in stripes, both windows begin with the rows of every piece."""
    output = operator.outputs[0]
    segment = find(program.segments, output)
    if segment is None:
        return True
    before, after = (segment.windows.get(program.storage(name)) for name in (image, output))
    if before is None or after is None or after.kept_bytes:
        return False
    for stripe, piece in enumerate(segment.pieces[output]):
        if piece is None:
            continue
        read = piece.reads[0]
        if read is None or before.place(read[0], stripe) or after.place(piece.rows[0], stripe):
            return False
        if (piece.rows[1] - piece.rows[0]) * after.row_bytes > (read[1] - read[0]) * before.row_bytes:
            return False
    return True


def followed(program: Program, output: str, lifetimes: dict[str, tuple[int, int]]) -> Iterator[tuple[int, Overlap]]:
    """The tensors that stripes read for the last time while they write `output`, over whose rows it may follow.

    For each the bytes that this saves, and where `output` starts at most.
    """
    segment = find(program.segments, output)
    if segment is None or output in segment.windows or output not in segment.heights:
        return
    _, last = _steps(program, segment)
    size = program.tensors[output].bytes
    for image in sorted(_read(program, segment) - _written(program, segment) - set(segment.windows)):
        if lifetimes[image][1] == last and image in segment.heights:
            distance = _distance(program, segment, image, output)
            saved = min(size - distance, program.tensors[image].bytes)
            if saved > 0:
                yield saved, Overlap(image, -distance)


def _steps(program: Program, segment: Segment) -> tuple[int, int]:
    """The first and the last step of a segment."""
    places = [index for index, operator in enumerate(program.calls) if operator.outputs[0] in segment.pieces]
    return places[0], places[-1]


def _operators(program: Program, segment: Segment) -> list[Operator]:
    return [operator for operator in program.calls if operator.outputs[0] in segment.pieces]


def _written(program: Program, segment: Segment) -> set[str]:
    return {program.storage(name) for o in _operators(program, segment) for name in o.outputs}


def _read(program: Program, segment: Segment) -> set[str]:
    names = {name for operator in _operators(program, segment) for name in operator.inputs}
    return {program.storage(name) for name in names if program.tensors[name].role != "weight"}


def _distance(program: Program, segment: Segment, image: str, output: str) -> int:
    """The bytes by which an image starts behind an output at least: what is written lies before what is still read."""
    after, before = (program.tensors[name].bytes // segment.heights[name] for name in (output, image))
    distance, low = 0, segment.heights[image]
    for stripe in reversed(range(segment.stripes)):
        low = min(low, _lowest_read(program, segment, image, stripe))
        distance = max(distance, segment.written(output, stripe) * after - low * before)
    return distance


def _lowest_read(program: Program, segment: Segment, image: str, stripe: int) -> int:
    """The first row of an image that a stripe reads; 0 where it reads all of it."""
    lowest = segment.heights[image]
    for operator in _operators(program, segment):
        piece = segment.pieces[operator.outputs[0]][stripe]
        inputs = [name for name in operator.inputs if program.tensors[name].role != "weight"]
        for name, read in zip(inputs, () if piece is None else piece.reads, strict=False):
            if program.storage(name) == image:
                lowest = min(lowest, 0 if read is None else read[0])
    return lowest
