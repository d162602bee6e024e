"""Fuzzer of checkpoints: pickles of arrays, and what is read from a `.pdparams` file."""

import pickle
from collections import OrderedDict
from collections.abc import Iterator

from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.plain_pickle", "ocrm55.tasks.recognizer.checkpoint"]
_FILE = scratch() / "network.pdparams"


def _read() -> None:
    import numpy as np

    from ocrm55.tasks.recognizer.checkpoint import read_arrays

    for value in read_arrays(_FILE).values():
        if isinstance(value, np.ndarray):
            assert value.dtype.kind in "biufcO"
            value.sum() if value.dtype.kind != "O" else len(value)


def one_input(data: bytes) -> None:
    _FILE.write_bytes(data)
    attempt(_read)


def seeds() -> Iterator[bytes]:
    import numpy as np

    arrays = {"w": np.ones((2, 3), np.float32), "b": np.zeros(3, ">f4"), "n": np.arange(4).reshape(2, 2).T}
    values = (
        arrays,
        OrderedDict(arrays),
        {"step": 3, "arrays": [arrays], "names": ("w", "b")},
        {"o": np.array(["a"], object)},
    )
    for protocol in range(6):
        for value in values:
            yield pickle.dumps(value, protocol)
    yield b"cos\nsystem\n(S'true'\ntR."
    yield b"\x80\x04K\x01r" + (680825748).to_bytes(4, "little") + b"."  # remembers a value, as a large number
    yield b"\x80\x05\x96" + (1 << 40).to_bytes(8, "little") + b"few."  # bytes that are not there
    yield b"\x80\x04]" + b"]" * 300 + b"a" * 300 + b"."


if __name__ == "__main__":
    fuzz(one_input, MODULES)
