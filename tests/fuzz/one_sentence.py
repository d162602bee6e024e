"""What every fuzzer of the Python half asks: whatever the bytes, a result or one sentence of `errors.py`."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ocrm55.errors import Ocrm55Error

LONGEST = 1500  # characters: what a terminal shows as one sentence; names of files are in it

Mutation = Callable[[bytes, int, int], bytes]


def attempt(action: Callable[[], object]) -> bool:
    """Run `action`; return whether it gave a result. Raises whatever is neither that nor one sentence."""
    try:
        action()
    except Ocrm55Error as trouble:
        sentence = trouble.sentence
        if not sentence.endswith(".") or "\n" in sentence or not 0 < len(sentence) <= LONGEST:
            raise AssertionError(f"not one sentence: {sentence[:200]!r}") from trouble
        return False
    return True


def scratch() -> Path:
    """A folder in memory where there is one: a fuzzer writes thousands of files a second."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="ocrm55-fuzz-", dir=memory if memory.is_dir() else None))


def fuzz(one_input: Callable[[bytes], None], modules: Sequence[str], mutate: Mutation | None = None) -> None:
    """Hand the process to libFuzzer with the command line's arguments.

    modules: those whose coverage guides it; call this before anything imports them.
    mutate: (input, most bytes, seed) to another input, of its structure; without it bytes are mutated.
    """
    import atheris

    atheris.enabled_hooks.add("RegEx")
    with atheris.instrument_imports(include=list(modules)):
        for module in modules:
            __import__(module)
    if mutate is None:
        atheris.Setup(sys.argv, one_input)
    else:
        atheris.Setup(sys.argv, one_input, custom_mutator=mutate)
    atheris.Fuzz()
