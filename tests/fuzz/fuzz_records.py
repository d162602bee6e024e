"""Fuzzer of the JSON that ocrm55 leaves for itself: stamps, settings, metadata, memory maps, evaluations.

The first byte chooses the reader, the rest is the file.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.build_folder", "ocrm55.firmware", "ocrm55.artifact", "ocrm55.boards", "ocrm55.report.accuracy"]
_PLACE = scratch()
_FILE = _PLACE / "file.json"
_SETTINGS = {"source": "x", "defines": {"OCRM55_ARTIFACT": "y"}}


def _stamp() -> None:
    from ocrm55 import build_folder

    build_folder._holds(_FILE, "read", [])


def _settings() -> None:
    from ocrm55 import firmware

    (_PLACE / "build.ninja").touch()
    (_PLACE / "ocrm55-settings.json").write_bytes(_FILE.read_bytes())
    firmware._is_configured(_PLACE, _SETTINGS)


def _metadata() -> None:
    from ocrm55.artifact import Artifact

    (_PLACE / "metadata.json").write_bytes(_FILE.read_bytes())
    Artifact.read(_PLACE)


def _memory_map() -> None:
    from ocrm55 import boards

    board = boards.read_memories(_FILE)
    for what in boards.PLACED:
        assert board.region_of(what).size > 0
        assert board.candidates(what)


def _evaluation() -> None:
    from ocrm55.report import accuracy

    accuracy.load(_FILE)


READERS = (_stamp, _settings, _metadata, _memory_map, _evaluation)


def one_input(data: bytes) -> None:
    if data:
        _FILE.write_bytes(data[1:])
        attempt(READERS[data[0] % len(READERS)])


def seeds() -> Iterator[bytes]:
    root = Path(__file__).parents[2]
    share = {"right": 1, "count": 2}
    counts = ("arena_bytes", "arena_lower_bound", "weight_bytes", "weights_read_again_bytes", "macs")
    lists = {name: [] for name in ("operators", "tensors", "workspaces", "weights")}
    metadata = {"model": "m", "precision": "int8", "placement": {}} | dict.fromkeys(counts, 1) | lists
    files = (
        {"read": "read", "written": "0"},
        _SETTINGS,
        metadata,
        json.loads((root / "firmware/platform/corstone300/board.json").read_text()),
        {"exact": share, "alphanumeric": share, "character_error_rate": 0.5, "by_class": {"a": share}, "data": "d"},
    )
    for number, value in enumerate(files):
        yield bytes([number]) + json.dumps(value).encode()
        yield bytes([number]) + b"[" * 5000  # deeper than Python's own limit


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutations.json_after_first_byte)
