"""Reads pickles that hold data and nothing else: arrays, numbers, texts, and containers of them.

A pickle is a program: it can name any function of Python and call it. numpy's own types are no safe exception:
`numpy.dtype` takes its state unchecked, and a wrong state crashes the process. So this reader finds no class that the
pickle chooses. The few names that a pickled array needs stand for small classes of ours, which check their arguments.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

DEEPEST = 64  # containers in containers; a checkpoint has three
MOST_VALUES = 1_000_000  # of all containers together
_KINDS = "biufc"  # bool, integers, float, complex
_NUMPY_MODULES = (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
)


class _Dtype:
    """Stands for numpy.dtype: numbers of 1 to 16 bytes, in the byte order of the pickled state."""

    def __init__(self, code: object, *_flags: object) -> None:
        if not isinstance(code, str) or len(code) > 4:
            raise pickle.UnpicklingError("it holds an array whose type is no name")
        try:
            self.dtype = np.dtype(code)
        except TypeError as trouble:
            raise pickle.UnpicklingError("it holds an array of an unknown type") from trouble
        if self.dtype.kind not in _KINDS and self.dtype != object:  # objects come as a list, see _filled
            raise pickle.UnpicklingError(f"it holds an array of {code}, not of numbers")

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if not isinstance(order, str) or order not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError("it holds an array of an unknown byte order")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)  # type: ignore[arg-type]


class _Array:
    """Stands for numpy.ndarray: made empty, then given a state of shape, type and bytes, or objects in their place."""

    def __init__(self) -> None:
        self.values: np.ndarray | None = None
        self.objects: list[object] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("it holds an array without its shape, type and bytes")
        _, shape, dtype, by_columns, data = state
        if isinstance(data, list) and isinstance(dtype, _Dtype) and dtype.dtype == object:
            if shape != (len(data),):
                raise pickle.UnpicklingError("it holds an array of objects that is no list of them")
            self.objects = data
            return
        self.values = _filled(data, dtype, shape, "F" if by_columns else "C")


def _filled(data: object, dtype: object, shape: object, order: object = "C") -> np.ndarray:
    """An array of these bytes. Raises UnpicklingError when they are not as many as shape and type need."""
    sized = isinstance(shape, tuple) and len(shape) <= 32 and all(type(n) is int and n >= 0 for n in shape)
    if isinstance(data, str):  # pickles of Python 2 keep bytes as text
        data = data.encode("latin1", errors="replace")
    if not sized or not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray) or order not in ("C", "F"):
        raise pickle.UnpicklingError("it holds an array without its shape, type and bytes")
    assert isinstance(shape, tuple)
    if dtype.dtype == object or math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise pickle.UnpicklingError("it holds an array of another size than its shape says")
    return np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order="F" if order == "F" else "C").copy()


def _reconstruct(*_arguments: object) -> _Array:
    return _Array()


def _scalar(dtype: object, data: object = b"") -> object:
    return _filled(data, dtype, ()).item()


def _from_buffer(data: object, dtype: object, shape: object, order: object = "C") -> np.ndarray:
    return _filled(bytes(data) if isinstance(data, memoryview) else data, dtype, shape, order)


def _encode(text: object, encoding: object = "latin1") -> bytes:
    """Stands for _codecs.encode, by which old pickles write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it holds bytes in another encoding than Latin-1")
    return text.encode("latin1")


class _Maker:
    """A function that a pickle may call. It takes no attributes, so that no pickle changes it for the next one."""

    __slots__ = ("_make",)
    _make: Callable[..., Any]

    def __init__(self, make: Callable[..., Any]) -> None:
        object.__setattr__(self, "_make", make)

    def __setattr__(self, name: str, value: object) -> None:
        raise pickle.UnpicklingError("it changes a function")

    def __call__(self, *arguments: object) -> Any:
        return self._make(*arguments)


_NUMPY = {
    "_reconstruct": _Maker(_reconstruct),
    "scalar": _Maker(_scalar),
    "_frombuffer": _Maker(_from_buffer),
    "ndarray": _Maker(_Array),
    "dtype": _Maker(_Dtype),
}
_OTHERS = {
    "_codecs.encode": _Maker(_encode),
    "collections.OrderedDict": _Maker(OrderedDict),
    "__builtin__.bytes": _Maker(lambda: b""),  # protocols 0 to 2 write empty bytes as a call
    "__builtin__.set": _Maker(set),
}


class _Memo(dict[int, Any]):
    """The values that a pickle remembers, by number."""

    def __setitem__(self, number: int, value: Any) -> None:
        if not 0 <= number < MOST_VALUES:
            raise pickle.UnpicklingError(f"it remembers a value as number {number}")
        super().__setitem__(number, value)


class _Unpickler(pickle._Unpickler):
    """Finds the stand-ins and nothing else.

    It is pickle's reader in Python. The one in C makes room for as many remembered values as any number in the pickle
    says, gigabytes for ten bytes.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.memo = _Memo()

    def _load_bytearray(self: Any) -> None:
        """Read no more bytes than there are, before there is room for them."""
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))

    dispatch: ClassVar[dict[int, Any]] = {**pickle._Unpickler.dispatch, pickle.BYTEARRAY8[0]: _load_bytearray}

    def find_class(self, module: str, name: str) -> Any:
        found = _NUMPY.get(name) if module in _NUMPY_MODULES else _OTHERS.get(f"{module}.{name}")
        if found is None:
            raise pickle.UnpicklingError(f"it holds a Python object, {module}.{name}")
        return found


def loads(data: bytes) -> Any:
    """The value of a pickle: None, numbers, texts, bytes, arrays, and tuples, lists, sets and dicts of them.

    Raises pickle.UnpicklingError for one that names anything else, is damaged, or is nested more than DEEPEST times.
    """
    return load(io.BytesIO(data))


def load(file: io.BytesIO) -> Any:
    """The same of a file that stands at the pickle's first byte."""
    try:
        value = _Unpickler(file, encoding="latin1").load()
    except pickle.UnpicklingError:
        raise
    except Exception as trouble:  # damaged opcodes raise almost anything, such as AttributeError or MemoryError
        reason = str(trouble).splitlines()[0][:200] if str(trouble) else type(trouble).__name__
        raise pickle.UnpicklingError(f"it is damaged ({reason})") from trouble
    return _Plain().value(value)


class _Plain:
    """Replaces the stand-ins by what they stand for. Counts, since one container may be in itself many times over."""

    def __init__(self) -> None:
        self._left = MOST_VALUES

    def value(self, found: object, depth: int = 0) -> Any:
        self._left -= 1
        if depth > DEEPEST or self._left < 0:
            raise pickle.UnpicklingError("it is nested too deep, or holds too many values")
        if isinstance(found, _Array):
            if found.objects is not None:
                return _of_objects([self.value(each, depth + 1) for each in found.objects])
            if found.values is None:
                raise pickle.UnpicklingError("it holds an array without its shape, type and bytes")
            return found.values
        if isinstance(found, dict):
            return {self.value(k, depth + 1): self.value(v, depth + 1) for k, v in found.items()}
        if isinstance(found, list | tuple | set | frozenset):
            return type(found)(self.value(each, depth + 1) for each in found)
        if found is None or isinstance(found, bool | int | float | complex | str | bytes | np.ndarray):
            return found
        raise pickle.UnpicklingError(f"it holds a {type(found).__name__}, which is no data")


def _of_objects(values: list[Any]) -> np.ndarray:
    """One axis of objects, whatever they are: numpy would make more axes of lists of one length."""
    array = np.empty(len(values), object)
    for place, value in enumerate(values):
        array[place] = value
    return array
