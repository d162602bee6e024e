"""Fuzzer of Paddle 2's programs: what is read of a `.pdmodel` file before Paddle sees it."""

from collections.abc import Iterator

from tests.fuzz import protobufs
from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.export.paddle2_program", "ocrm55.tasks.recognizer.sources"]
_FOLDER = scratch()
_FILE = _FOLDER / "inference.pdmodel"


def _described() -> None:
    from ocrm55.tasks.recognizer.sources import known

    known().described(_FOLDER, _FILE)


def one_input(data: bytes) -> None:
    from ocrm55.export import paddle2_program

    _FILE.write_bytes(data)
    attempt(lambda: paddle2_program.shapes(_FILE))
    attempt(_described)


def mutate(data: bytes, most: int, seed: int) -> bytes:
    from ocrm55.export import paddle2_program

    return protobufs.mutated(data, paddle2_program.program_class(), most, seed)


def seeds() -> Iterator[bytes]:
    """Programs with an output of 97, 6,625 or an open number of classes, alone and beside one that nothing declares."""
    from ocrm55.export import paddle2_program

    for classes in (97, 6625, -1):
        program = paddle2_program.program_class()()
        block = program.blocks.add()
        for name, dims in (("x", [-1, 3, 48, -1]), ("y", [-1, -1, classes])):
            variable = block.variables.add(name=name)
            variable.type.dense.tensor.dims.extend(dims)
        block.operators.add(type="feed").outputs.add(arguments=["x"])
        block.operators.add(type="fetch").inputs.add(arguments=["y"])
        yield program.SerializeToString()
        block.operators.add(type="fetch").inputs.add(arguments=["absent"])
        yield program.SerializeToString()


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutate)
