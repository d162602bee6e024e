"""Fuzzer of the binary files that are read: ELF sections, Vela's TFLite and npz, and command streams of the NPU.

The first byte chooses the reader, the rest is the file.
"""

import io
import struct
from collections.abc import Iterator

from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.elf", "ocrm55.npu_model.commands", "ocrm55.npu_model.vela_files"]
_PLACE = scratch()


def _elf(data: bytes) -> None:
    from ocrm55 import elf

    file = _PLACE / "file.elf"
    file.write_bytes(data)
    for section in elf.read_sections(file):
        assert section.size > 0


def _stream(data: bytes) -> None:
    from ocrm55.npu_model import commands

    for line in commands.disassemble(data):
        assert line


def _payload(data: bytes) -> None:
    from ocrm55.npu_model import commands, vela_files

    stream, _ = vela_files.unpack_payload(data, "payload")
    list(commands.decode(stream))


def _tflite(data: bytes) -> None:
    from ocrm55.npu_model import vela_files

    vela_files.from_tflite(data, "file.tflite")


def _npz(data: bytes) -> None:
    from ocrm55.npu_model import vela_files

    file = _PLACE / "file.npz"
    file.write_bytes(data)
    vela_files.load(file)


READERS = (_elf, _stream, _payload, _tflite, _npz)


def one_input(data: bytes) -> None:
    if data:
        attempt(lambda: READERS[data[0] % len(READERS)](data[1:]))


def seeds() -> Iterator[bytes]:
    """Whole files of each kind, the smallest that there are."""
    names = b"\0.text\0.bss\0"
    table = b"".join(
        struct.pack("<10I", *row)
        for row in ((0,) * 10, (1, 1, 6, 0x100, 52, 4, 0, 0, 4, 0), (7, 8, 3, 0x200, 56, 8, 0, 0, 4, 0),
                    (0, 3, 0, 0, 56, len(names), 0, 0, 1, 0))
    )  # fmt: skip
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 40, 1, 0, 0, 56 + len(names), 0, 52, 0, 0, 40, 4, 3)
    yield b"\0" + header + b"code" + names + table

    stream = _words()
    yield b"\1" + stream
    length = len(stream) // 4
    actions = struct.pack("<4s4I", b"COP1", 1, 0x00000808, 0x10000000, 5) + struct.pack("<I", 2 | length << 16)
    yield b"\2" + actions + stream
    entry = struct.pack("<4s3I7I", b"COP2", 0, 0, 0, 1, len(stream) + 4 + 16, 16, 0, 0, 0, 0x0808)
    yield b"\2" + entry + stream
    yield b"\3" + _network()
    yield b"\4" + _arrays(actions + stream)


def _words() -> bytes:
    from ocrm55.npu_model.commands import encode

    words = encode("NPU_SET_IFM_WIDTH0_M1", 3) + encode("NPU_SET_IFM_BASE0", payload=16)
    words += encode("NPU_SET_OFM_SCALE", 3, 5) + encode("NPU_OP_POOL", 1) + encode("NPU_OP_STOP", 0xFFFF)
    return struct.pack(f"<{len(words)}I", *words)


def _network() -> bytes:
    import numpy as np

    from ocrm55.npu_model.tflite_writer import TFLiteWriter

    writer = TFLiteWriter()
    x = writer.tensor("x", (1, 4, 4, 8), np.int8, 0.1, 3)
    y = writer.tensor("y", (1, 4, 4, 8), np.int8, 0.1, 3)
    writer.operator("RELU", [x], [y])
    return bytes(writer.finish([x], [y]))


def _arrays(payload: bytes) -> bytes:
    """What `vela --output-format raw` writes, as far as it is read."""
    import numpy as np

    file = io.BytesIO()
    one = {f"{kind}_{name}": np.array([value]) for kind in ("input", "output")
           for name, value in (("shape", [1, 4]), ("elem_size", 1), ("region", 1), ("offset", 0))}  # fmt: skip
    sizes = {"scratch_region": 1, "scratch_size": 64, "scratch_fast_region": 2, "scratch_fast_size": 0}
    np.savez(file, cmd_data=np.frombuffer(payload, np.uint8), weight_data=np.zeros(16, np.uint8), **sizes, **one)
    return file.getvalue()


if __name__ == "__main__":
    fuzz(one_input, MODULES)
