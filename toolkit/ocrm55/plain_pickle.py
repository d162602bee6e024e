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
MOST_ARGUMENTS = 8  # of a call; numpy's own have five
_LARGEST_INTEGER = 1 << 60  # of keys: larger ones can be chosen so that all of them fall in one place of a dict
_KINDS = "biufc"  # bool, integers, float, complex
_NUMPY_MODULES = (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
)


class _Room:
    """What the calls of one pickle may still make, in bytes or values.

    A pickle names a value again in two bytes. Without this, a short one makes a long array a million times over.
    """

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise pickle.UnpicklingError("it makes more of its bytes than they can be")


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

    def __init__(self, room: _Room) -> None:
        self._room = room
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
        self.values = _filled(self._room, data, dtype, shape, "F" if by_columns else "C")


def _filled(room: _Room, data: object, dtype: object, shape: object, order: object = "C") -> np.ndarray:
    """An array of these bytes. Raises UnpicklingError when they are not as many as shape and type need."""
    sized = isinstance(shape, tuple) and len(shape) <= 32 and all(type(n) is int and 0 <= n < 1 << 32 for n in shape)
    if isinstance(data, str | bytes | bytearray | memoryview):
        room.take(len(data))
    if isinstance(data, str):  # pickles of Python 2 keep bytes as text
        data = data.encode("latin1", errors="replace")
    if not sized or not isinstance(dtype, _Dtype) or not isinstance(data, bytes | bytearray) or order not in ("C", "F"):
        raise pickle.UnpicklingError("it holds an array without its shape, type and bytes")
    assert isinstance(shape, tuple)
    if dtype.dtype == object or math.prod(shape) * dtype.dtype.itemsize != len(data):
        raise pickle.UnpicklingError("it holds an array of another size than its shape says")
    return np.frombuffer(bytes(data), dtype.dtype).reshape(shape, order="F" if order == "F" else "C").copy()


def _array(room: _Room, *_arguments: object) -> _Array:
    return _Array(room)


def _scalar(room: _Room, dtype: object, data: object = b"") -> object:
    return _filled(room, data, dtype, ()).item()


def _encode(room: _Room, text: object, encoding: object = "latin1") -> bytes:
    """Stands for _codecs.encode, by which old pickles write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("it holds bytes in another encoding than Latin-1")
    room.take(len(text))
    return text.encode("latin1")


def _ordered(room: _Room, pairs: object = ()) -> OrderedDict[Any, Any]:
    """Stands for OrderedDict, called with nothing or, by Python 2, with a list of pairs."""
    if not isinstance(pairs, list | tuple) or not all(isinstance(pair, list | tuple) for pair in pairs):
        raise pickle.UnpicklingError("it holds a dict that is no list of pairs")
    room.take(len(pairs))
    return OrderedDict((_key(key), value) for key, value in pairs)


def _set(room: _Room, values: object = ()) -> set[Any]:
    if not isinstance(values, list | tuple):
        raise pickle.UnpicklingError("it holds a set that is no list of values")
    room.take(len(values))
    return {_key(value) for value in values}


def _key(value: object) -> Any:
    """A key of a dict, or a value of a set.

    Only what Python hashes in bounded time: a tuple of tuples of tuples, each named twice, takes years.
    """
    small = isinstance(value, int) and abs(value) < _LARGEST_INTEGER
    if not small and not isinstance(value, str | bytes) and value is not None:
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__} as a key")
    return value


class _Maker:
    """A function that a pickle may call. It takes no attributes, so that no pickle changes it."""

    __slots__ = ("_make", "_room")

    def __init__(self, make: Callable[..., Any], room: _Room) -> None:
        self._make = make
        self._room = room

    def __call__(self, *arguments: object) -> Any:
        return self._make(self._room, *arguments)


_NUMPY: dict[str, Callable[..., Any]] = {
    "_reconstruct": _array,
    "scalar": _scalar,
    "_frombuffer": _filled,
    "ndarray": _array,
    "dtype": lambda _room, *arguments: _Dtype(*arguments),
}
_OTHERS: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _encode,
    "collections.OrderedDict": _ordered,
    "__builtin__.bytes": lambda _room: b"",  # protocols 0 to 2 write empty bytes as a call
    "__builtin__.set": _set,
}


class _Memo(dict[int, Any]):
    """The values that a pickle remembers, by number."""

    def __setitem__(self, number: int, value: Any) -> None:
        if not 0 <= number < MOST_VALUES:
            raise pickle.UnpicklingError("it remembers more values than it can hold")
        super().__setitem__(number, value)


class _Unpickler(pickle._Unpickler):
    """Finds the stand-ins and nothing else.

    It is pickle's reader in Python. The one in C makes room for as many remembered values as any number in the pickle
    says, gigabytes for ten bytes.
    """

    stack: list[Any]

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, encoding="latin1")
        self.memo = _Memo()
        self._room = _Room(2 * len(file.getbuffer()) + 4096)  # bytes of Python 2 are made twice, as text and as bytes

    def _load_bytearray(self: Any) -> None:
        """Read no more bytes than there are, before there is room for them."""
        size = int.from_bytes(self.read(8), "little")
        self.append(bytearray(self.read(size)))

    def _load_call(self) -> None:
        arguments = self.stack.pop()
        called = self.stack[-1]
        if not isinstance(called, _Maker) or not isinstance(arguments, tuple) or len(arguments) > MOST_ARGUMENTS:
            raise pickle.UnpicklingError("it calls what is no function")
        self.stack[-1] = called(*arguments)

    def _load_state(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], _Dtype | _Array):
            raise pickle.UnpicklingError("it gives a state to what has none")
        self.stack[-1].__setstate__(state)

    def _load_item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._put(key, value)

    def _load_items(self: Any) -> None:
        items = self.pop_mark()
        for place in range(0, len(items), 2):
            self._put(items[place], items[place + 1])

    def _put(self, key: object, value: object) -> None:
        if not isinstance(self.stack[-1], dict):
            raise pickle.UnpicklingError("it puts a key into what is no dict")
        self.stack[-1][_key(key)] = value

    def _load_dict(self: Any) -> None:
        items = self.pop_mark()
        self.append({_key(items[place]): items[place + 1] for place in range(0, len(items), 2)})

    def _load_set(self: Any) -> None:
        """Add to the set on the stack."""
        values = self.pop_mark()
        if not isinstance(self.stack[-1], set):
            raise pickle.UnpicklingError("it adds values to what is no set")
        self.stack[-1].update(_key(value) for value in values)

    def _load_frozen_set(self: Any) -> None:
        self.append(frozenset(_key(value) for value in self.pop_mark()))

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _load_bytearray,
        pickle.REDUCE[0]: _load_call,
        pickle.BUILD[0]: _load_state,
        pickle.SETITEM[0]: _load_item,
        pickle.SETITEMS[0]: _load_items,
        pickle.DICT[0]: _load_dict,
        pickle.ADDITEMS[0]: _load_set,
        pickle.FROZENSET[0]: _load_frozen_set,
    }
    for _other in (pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX):  # classes are made by REDUCE alone
        del dispatch[_other[0]]

    def find_class(self, module: str, name: str) -> Any:
        found = _NUMPY.get(name) if module in _NUMPY_MODULES else _OTHERS.get(f"{module}.{name}")
        if found is None:
            raise pickle.UnpicklingError(f"it holds a Python object, {module[:80]}.{name[:80]}")
        return _Maker(found, self._room)


def loads(data: bytes) -> Any:
    """The value of a pickle: None, numbers, texts, bytes, arrays, and tuples, lists, sets and dicts of them.

    Raises pickle.UnpicklingError for one that names anything else, is damaged, or is nested more than DEEPEST times.
    """
    return load(io.BytesIO(data))


def load(file: io.BytesIO) -> Any:
    """The same of a file that stands at the pickle's first byte."""
    try:
        value = _Unpickler(file).load()
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
