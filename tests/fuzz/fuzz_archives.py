"""Fuzzer of the archives of `tvmc compile`, as `ocrm55 headers --library` reads them.

The first byte says whether the rest is the archive, or the metadata of one.
"""

import io
import json
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
    import tarfile  # not before it is instrumented

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
    for kind in b"LKxgSV7126":  # long names, extended headers, sparse files, labels, links, devices
        yield b"\0" + _with_header(archive(metadata), kind)


def _with_header(data: bytes, kind: int) -> bytes:
    """The archive with a header of another kind in front, and a record of an extended header behind it."""
    header, record = bytearray(data[:512]), b"22 path=./metadata.json\n24 GNU.sparse.map=0,9,9,9\n"
    header[124:136] = b"%011o\0" % len(record)
    header[156] = kind
    return mutations.summed(header) + record.ljust(512, b"\0") + data


def mutate(data: bytes, most: int, seed: int) -> bytes:
    """Metadata as JSON, archives by their headers."""
    if data and data[0] % 2:
        return mutations.json_after_first_byte(data, most, seed)
    return data[:1] + mutations.tar_headers(data[1:], most - 1, seed)


if __name__ == "__main__":
    fuzz(one_input, MODULES, mutate)
