"""Decoding: every command of the table, and refusal by name of all else."""

from __future__ import annotations

import numpy as np
import pytest

from ocrm55.errors import InputError, UnsupportedError
from ocrm55.npu_model.commands import KNOWN_REFUSED, TABLE, decode, disassemble, encode

STOP = encode("NPU_OP_STOP", 0xFFFF)


def _stream(*commands: list[int]) -> bytes:
    return np.array([word for command in commands for word in command], "<u4").tobytes()


@pytest.mark.parametrize("definition", TABLE.values(), ids=lambda row: row.name)
def test_every_command_decodes_to_itself(definition) -> None:
    if definition.name == "NPU_OP_STOP":
        return
    (command, stop) = decode(_stream(encode(definition.name, 0x12, 0x345678), STOP))
    assert command.name == definition.name
    assert command.offset == 0
    assert stop.offset == (8 if definition.has_payload else 4)
    assert command.parameter & 0xFF == (0x12 if definition.kind != "address" else command.parameter & 0xFF)
    assert command.payload == (0x345678 if definition.has_payload else 0)


def test_the_table_says_what_each_command_means_and_where_that_was_read() -> None:
    assert len(TABLE) > 80
    for row in TABLE.values():
        assert row.meaning and row.source, row.name


def test_the_table_agrees_with_velas_register_definitions() -> None:
    registers = pytest.importorskip("ethosu.vela.ethos_u55_regs.ethos_u55_regs", reason="ethos-u-vela is not installed")
    known = {(False, one.value): one.name for one in registers.cmd0} | {
        (True, one.value): one.name for one in registers.cmd1
    }
    assert {key: row.name for key, row in TABLE.items()} == {key: known[key] for key in TABLE}
    assert set(known) == set(TABLE) | set(KNOWN_REFUSED)


def test_addresses_have_40_bits_and_a_sign() -> None:
    (high, negative, _) = decode(
        _stream(encode("NPU_SET_IFM_BASE0", payload=0x12_3456_789A), encode("NPU_SET_OFM_STRIDE_Y", payload=-38), STOP)
    )
    assert high.address == 0x12_3456_789A
    assert negative.address == -38


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([0x0000_0132], "NPU_SET_DMA0_SIZE0"),
        ([0x0000_4033, 0], "NPU_SET_DMA0_SKIP0"),
        ([0x0000_0004], "command 0x004"),
        ([0x0000_8000], "0x00008000"),
    ],
)
def test_an_unknown_command_is_refused_by_name_and_offset(words: list[int], named: str) -> None:
    stream = _stream(encode("NPU_SET_BLOCKDEP", 1), words, STOP)
    with pytest.raises(UnsupportedError, match=named) as refusal:
        list(decode(stream))
    assert "offset 0x4" in refusal.value.sentence


def test_a_stream_without_end_or_cut_in_a_command_is_bad_input() -> None:
    with pytest.raises(InputError, match="without NPU_OP_STOP"):
        list(decode(_stream(encode("NPU_SET_BLOCKDEP", 1))))
    with pytest.raises(InputError, match="in the middle of NPU_SET_IFM_BASE0"):
        list(decode(_stream(encode("NPU_SET_IFM_BASE0", payload=1)[:1])))
    with pytest.raises(InputError, match="32-bit words"):
        list(decode(b"abc"))


def test_the_disassembly_is_readable() -> None:
    lines = list(
        disassemble(
            _stream(
                encode("NPU_SET_OFM_ZERO_POINT", -5),
                encode("NPU_SET_OFM_PRECISION", 1 | 1 << 6 | 2 << 14),
                encode("NPU_SET_OFM_SCALE", 31, 0x80000001),
                encode("NPU_OP_POOL", 2),
                STOP,
            )
        )
    )
    assert "NPU_SET_OFM_ZERO_POINT" in lines[0] and " -5 " in lines[0]
    assert "layout=NHCWB16" in lines[1] and "round=NATURAL" in lines[1]
    assert "2147483649 shift=31" in lines[2]
    assert "mode=REDUCE_SUM" in lines[3]
