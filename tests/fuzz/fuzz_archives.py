"""Fuzzer of the archives of `tvmc compile`, as `ocrm55 headers --library` reads them.

The first byte says whether the rest is the archive, or the metadata of one.
"""

import io
import json
import tarfile
from collections.abc import Iterator

from tests.fuzz import mutations
from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.tvmc.headers", "tarfile"]
_FILE = scratch() / "network.tar"


def _read() -> None:
    from ocrm55.tvmc import headers

    sizes = headers.read_library(_FILE)
    assert sizes.height > 0 and sizes.width > 0 and 0 < sizes.outputs <= headers.MOST_NUMBERS


def archive(metadata: bytes, name: str = "./metadata.json") -> bytes:
    """An archive that holds these metadata."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as opened:
        for each, content in (("./readme", b"x"), (name, metadata)):
            member = tarfile.TarInfo(each)
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return file.getvalue()[: 1024 + 512 + -(-len(metadata) // 512) * 512 + 1024]


def one_input(data: bytes) -> None:
    if data:
        _FILE.write_bytes(archive(data[1:]) if data[0] % 2 else data[1:])
        attempt(_read)


def seeds() -> Iterator[bytes]:
    image, rows = {"dtype": "float32", "shape": [1, 3, 48, 320]}, {"dtype": "float32", "shape": [1, 40, 97]}
    main = {"inputs": {"x": image}, "outputs": {"y": rows}}
    metadata = json.dumps({"modules": {"m": {"memory": {"functions": {"main": [main]}}}}}).encode()
    yield b"\1" + metadata
    yield b"\1" + b"[" * 5000
    yield b"\1" + b'{"modules": {}}'
    yield b"\0" + archive(metadata)
    yield b"\0" + archive(metadata, "metadata.json")
    yield b"\0" + archive(metadata)[:700]


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutations.json_after_first_byte)
