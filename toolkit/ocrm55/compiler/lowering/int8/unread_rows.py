"""A pass over the lowered program that leaves out rows that nobody reads."""

from __future__ import annotations

from ocrm55.compiler.operators.program import Operator, Program


def drop_unread_rows(program: Program) -> None:
    """Shorten convolutions whose last rows a pooling layer leaves out: 2x2 over three rows reads two of them.

    The pooling layer may be a depthwise convolution. A look-up in front of it is shortened too.
    """
    for reader in program.operators:
        read = reader.spec.rows_read
        writers = [] if read is None else _writers(program, reader)
        if read is None or not writers or read >= program.tensors[reader.inputs[0]].shape[1]:
            continue
        if not _has_rows_of(reader, program.tensors[reader.inputs[0]].shape):
            continue
        reader.spec = reader.spec.with_input_rows(read)
        for writer in writers:
            tensor = program.tensors[writer.outputs[0]]
            tensor.shape = (1, read, *tensor.shape[2:])
            writer.spec = writer.spec.with_output_rows(read, tensor.size) or writer.spec


def _has_rows_of(reader: Operator, shape: tuple[int, ...]) -> bool:
    """Whether a reader's image has the rows of its tensor, whose bytes may be those of an image of another shape."""
    return len(shape) == 4 and shape[1:3] == (getattr(reader.spec, "height", 0), getattr(reader.spec, "width", 0))


def _writers(program: Program, reader: Operator) -> list[Operator]:
    """The operators that make the image that only `reader` reads, if all of them can leave out rows; else none.

    The first can leave out rows, and those between it and the reader follow its rows.
    """
    found: list[Operator] = []
    while True:
        image = (found[-1] if found else reader).inputs[0]
        writer = next((o for o in program.operators if image in o.outputs), None)
        if writer is None or sum(image in o.inputs for o in program.operators) > 1:
            return []
        if writer.spec.with_output_rows(1, 1) is None:
            return []
        found.append(writer)
        if not writer.spec.follows_rows:
            return found
