"""Pickles of strangers: data comes back as numpy and pickle give it, everything else is refused and never runs."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from ocrm55 import plain_pickle

ARRAYS = {
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3),
    "by columns": np.asfortranarray(np.arange(6, dtype=np.int16).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">f8"),
    "bool": np.array([True, False]),
    "no axis": np.array(3.5),
    "empty": np.zeros((0, 4), np.uint8),
    "complex": np.array([1 + 2j]),
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_come_back(name: str, protocol: int) -> None:
    array = ARRAYS[name]
    found = plain_pickle.loads(pickle.dumps({"a": array, "b": [array]}, protocol))
    for each in (found["a"], *found["b"]):
        assert each.dtype == array.dtype
        np.testing.assert_array_equal(each, array)


@given(
    st_numpy.arrays(st.sampled_from([np.int8, np.float16, np.float64, np.uint32]), st_numpy.array_shapes(max_side=4))
)
def test_any_array_of_numbers_comes_back(array: np.ndarray) -> None:
    found = plain_pickle.loads(pickle.dumps(array))
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


def test_containers_and_numbers_come_back() -> None:
    value = {"epoch": 3, "rate": 0.5, "names": ["a", ("b", None)], "seen": {1, 2}, "ok": True, "raw": b"\0"}
    assert plain_pickle.loads(pickle.dumps(value)) == value
    assert plain_pickle.loads(pickle.dumps(OrderedDict(a=1))) == {"a": 1}
    assert plain_pickle.loads(pickle.dumps(np.float32(2.5))) == 2.5
    (objects,) = [plain_pickle.loads(pickle.dumps(np.array([{"scale": np.ones(2)}, None], object)))]
    np.testing.assert_array_equal(objects[0]["scale"], np.ones(2))
    assert objects[1] is None


def test_a_checkpoint_that_paddle_saved_comes_back(tmp_path: Path) -> None:
    import paddle

    layer = paddle.nn.Linear(3, 2)
    optimizer = paddle.optimizer.Adam(parameters=layer.parameters())
    for name, state in (("net", layer.state_dict()), ("opt", optimizer.state_dict())):
        paddle.save(state, str(tmp_path / name))
        expected = paddle.load(str(tmp_path / name), return_numpy=True)
        found = plain_pickle.loads((tmp_path / name).read_bytes())
        for key, value in expected.items():
            np.testing.assert_array_equal(found[key], value)


class Calls:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (os.mkdir, "mark"),
        (eval, "__import__('os').mkdir('mark')"),
        (np.fromfile, "mark"),
        (getattr, "mark"),
        (open, "mark"),
    ],
)
def test_nothing_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: Callable[..., object], argument: str, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps([Calls(function, argument)], protocol)
    with pytest.raises(pickle.UnpicklingError, match="holds a Python object"):
        plain_pickle.loads(data)
    assert not any(tmp_path.iterdir())


def with_state(state: object) -> bytes:
    """An array of two bytes whose numpy.dtype is given another state than numpy writes."""
    head = b"\x80\x04cnumpy\ndtype\n\x8c\x02u1\x89\x88\x87R"
    return head + pickle.dumps(state, 4)[2:-1] + b"b."


@pytest.mark.parametrize(
    "state",
    [
        (3, "|", None, ("a",), {"a": 1}, -1, -1, 0),
        (4, "|", None, None, None, 10**9, 1, 63, None),
        (3, "?", None, None, None, -1, -1, 0),
        (3,),
        "state",
        None,
    ],
)
def test_a_type_in_a_wrong_state_is_an_error_and_no_crash(state: object) -> None:
    with pytest.raises(pickle.UnpicklingError):
        plain_pickle.loads(with_state(state))


ARRAY = pickle.dumps(np.zeros(4, np.uint8), 4)


@pytest.mark.parametrize(
    "damaged",
    [
        ARRAY.replace(b"K\x04\x85", b"K\x05\x85"),  # another shape than bytes
        ARRAY.replace(b"\x8c\x02u1", b"\x8c\x02O8"),  # bytes as objects
        ARRAY.replace(b"\x8c\x02u1", b"\x8c\x02V1"),
        ARRAY[:-20],
        b"",
        b"\x80\x04.",
        b"\x80\x04cnumpy\ndtype\n.",  # the function itself
        b"\x80\x04cnumpy\ndtype\nN}\x8c\x05_makeNs\x86b.",  # a function changed
        b"\x80\x04" + b"]" * 2000 + b"a" * 1999 + b".",  # lists in lists
        b"\x80\x04J\xff\xff\xff\x7fr\xff\xff\xff\x7f.",  # a memo entry far away
    ],
)
def test_damaged_pickles_are_one_error(damaged: bytes) -> None:
    with pytest.raises(pickle.UnpicklingError):
        plain_pickle.loads(damaged)


def test_containers_that_repeat_each_other_take_bounded_time() -> None:
    value: list[object] = []
    for _ in range(60):
        value = [value] * 4  # 4^60 lists, 60 of them different
    with pytest.raises(pickle.UnpicklingError, match="too many values"):
        plain_pickle.loads(pickle.dumps(value))


LONG = b"B" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x00"  # bytes, remembered as number 0
BYTES_TYPE = b"cnumpy\ndtype\n\x8c\x02u1\x85Rq\x01"
SHAPE = b"J" + (100_000).to_bytes(4, "little") + b"\x85q\x02"
NAMED_TWICE = b"K\x01" + b"2\x86" * 60  # a tuple of twice a tuple of twice ... sixty times
MANY = b"(" + b"K\x01" * 50_000 + b"tq\x00"
ONE_HASH = 2**61 - 1  # Python's hash of an integer is its rest of this

BOMBS = {
    "one array over and over": LONG + BYTES_TYPE + SHAPE + b"cnumpy.core.numeric\n_frombuffer\nq\x03"
    + b"h\x03h\x00h\x01h\x02\x87R" * 50_000,
    "bytes of one text": b"X" + LONG[1:] + b"c_codecs\nencode\nq\x01" + b"h\x01h\x00\x8c\x06latin1\x86R" * 50_000,
    "a call of many arguments": MANY + b"ccollections\nOrderedDict\nq\x01" + b"h\x01h\x00R" * 50_000,
    "a state for many dicts": b"}q\x00ccollections\nOrderedDict\nq\x01" + b"h\x01)Rh\x00b" * 1000,
    "sets of one list": b"]q\x00(" + b"K\x01" * 50_000 + b"ec__builtin__\nset\nq\x01" + b"h\x01h\x00\x85R" * 50_000,
    "a key named twice, sixty times": b"}" + NAMED_TWICE + b"Ns",
    "such keys of a dict that is made at once": b"(" + NAMED_TWICE + b"Nd",
    "such keys added": b"}(" + NAMED_TWICE + b"Nu",
    "such a value of a set": b"\x8f(" + NAMED_TWICE + b"\x90",
    "such a value of a frozen set": b"(" + NAMED_TWICE + b"\x91",
    "such a value of an old set": b"c__builtin__\nset\n]" + NAMED_TWICE + b"a\x85R",
    "such a key of pairs": b"ccollections\nOrderedDict\n]" + NAMED_TWICE + b"N\x86a\x85R",
    "keys of one hash": b"}("
    + b"".join(b"\x8a\x0a" + (n * ONE_HASH).to_bytes(10, "little") + b"N" for n in range(40_000)) + b"u",
    "lengths too long to multiply": LONG + BYTES_TYPE + b"\x8b" + (50_000).to_bytes(4, "little") + b"\x7f" * 50_000
    + b"q\x02" + b"(" + b"h\x02" * 32 + b"tq\x03cnumpy.core.numeric\n_frombuffer\nq\x04"
    + b"h\x04h\x00h\x01h\x03\x87R" * 1000,
    "an array filled by a key": LONG + BYTES_TYPE + SHAPE + b"cnumpy.core.numeric\n_frombuffer\nh\x00h\x01h\x02\x87R"
    + b"NK\x01s" * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_short_pickles_that_make_much_are_refused_at_once(name: str) -> None:
    """Each takes gigabytes, or minutes to years, with Python's own reader."""
    program = (
        "import pickle, resource, sys\n"
        "from ocrm55 import plain_pickle\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (5, 5))\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "data = sys.stdin.buffer.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    plain_pickle.loads(data)\n"
        "except pickle.UnpicklingError as trouble:\n    print(trouble)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=b"\x80\x04" + BOMBS[name] + b".",
        env=environment, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-500:]
    sentence, kilobytes = done.stdout.decode().splitlines()
    assert sentence.startswith("it ") and len(sentence) < 200
    assert "damaged" not in sentence  # refused for what it does, not by chance
    assert int(kilobytes) < 100_000


def test_one_pickle_leaves_nothing_for_the_next() -> None:
    with pytest.raises(pickle.UnpicklingError):
        plain_pickle.loads(b"\x80\x04cnumpy\ndtype\nN}\x8c\x05_makeNs\x86b.")
    test_arrays_come_back("float32", 4)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for start in (b"", b"\x80\x04"):
        try:
            plain_pickle.load(io.BytesIO(start + data))
        except pickle.UnpicklingError as trouble:
            assert str(trouble)


def test_the_samples_are_what_they_say() -> None:
    names = [argument for code, argument, _ in pickletools.genops(with_state((3,))) if code.name == "GLOBAL"]
    assert names == ["numpy dtype"]
