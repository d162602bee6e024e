"""What a program of Paddle 2 (`inference.pdmodel`) says of itself, read without Paddle, whose import takes seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from ocrm55 import files
from ocrm55.errors import InputError

MOST_BYTES = 1 << 28  # the largest recognizer's program has less than a megabyte
_Field = descriptor_pb2.FieldDescriptorProto
# The part of Paddle's framework.proto that names variables and their shapes: message -> field, number, type, repeated.
_MESSAGES: dict[str, list[tuple[str, int, int | str, bool]]] = {
    "Tensor": [("dims", 2, _Field.TYPE_INT64, True)],
    "Dense": [("tensor", 1, "Tensor", False)],
    "Type": [("dense", 3, "Dense", False)],
    "Variable": [("name", 1, _Field.TYPE_STRING, False), ("type", 2, "Type", False)],
    "Slot": [("arguments", 2, _Field.TYPE_STRING, True)],
    "Operator": [("inputs", 1, "Slot", True), ("outputs", 2, "Slot", True), ("type", 3, _Field.TYPE_STRING, False)],
    "Block": [("variables", 3, "Variable", True), ("operators", 4, "Operator", True)],
    "Program": [("blocks", 1, "Block", True)],
}


def shapes(program: Path) -> tuple[list[list[int]], list[list[int]]]:
    """The shapes of the inputs and outputs of a program of Paddle 2; -1 is a size that may vary.

    Raises InputError for a file that is not such a program.
    """
    wrong = InputError(f"{program} is not a Paddle 2 program, or is cut short.", ["export or copy the model again"])
    try:
        read = program_class().FromString(files.read_bytes(program, MOST_BYTES))
    except DecodeError as trouble:
        raise wrong from trouble
    if not read.blocks or not read.blocks[0].operators:
        raise wrong
    block = read.blocks[0]
    known = {each.name: list(each.type.dense.tensor.dims) for each in block.variables}

    def of(kind: str, slots: str) -> list[list[int]]:
        found = [each for each in block.operators if each.type == kind]
        names = [name for each in found for slot in getattr(each, slots) for name in slot.arguments]
        return [known.get(name, []) for name in names]

    return of("feed", "outputs"), of("fetch", "inputs")


@cache
def program_class() -> Any:
    """The class of protobuf's messages for a program. Fields that are not listed are skipped."""
    file = descriptor_pb2.FileDescriptorProto(name="paddle2.proto", package="paddle2", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            label = _Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".paddle2.{kind}"
            else:
                added.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("paddle2.Program"))
