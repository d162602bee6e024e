"""Relocate a command stream into our arena: every address becomes one of base pointer 1, the arena's start.

Vela gives scratch memory, inputs and outputs a base pointer each, and counts addresses from there. The planner knows
the place of each of them in the arena, so the addresses can be final. Registers keep their values between operations,
and Vela leaves out values that do not change. So all addresses are removed, and written again in front of each
operation if they differ from the register's value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ocrm55.errors import Ocrm55Error
from ocrm55.npu_model.commands import Command, decode, encode

WEIGHTS, ARENA = 0, 1

# Register with the number of the base pointer -> registers with addresses that it belongs to.
_MEMORIES = {
    "IFM_REGION": tuple(f"IFM_BASE{i}" for i in range(4)),
    "IFM2_REGION": tuple(f"IFM2_BASE{i}" for i in range(4)),
    "OFM_REGION": tuple(f"OFM_BASE{i}" for i in range(4)),
    "WEIGHT_REGION": ("WEIGHT_BASE",),
    "SCALE_REGION": ("SCALE_BASE",),
    "DMA0_SRC_REGION": ("DMA0_SRC",),
    "DMA0_DST_REGION": ("DMA0_DST",),
}
_REGION_OF = {address: region for region, addresses in _MEMORIES.items() for address in addresses}
_USED_BY = {
    "NPU_OP_DMA_START": ("DMA0_SRC_REGION", "DMA0_DST_REGION"),
    "NPU_OP_CONV": ("IFM_REGION", "OFM_REGION", "WEIGHT_REGION", "SCALE_REGION"),
    "NPU_OP_DEPTHWISE": ("IFM_REGION", "OFM_REGION", "WEIGHT_REGION", "SCALE_REGION"),
    "NPU_OP_POOL": ("IFM_REGION", "OFM_REGION"),
    "NPU_OP_ELEMENTWISE": ("IFM_REGION", "IFM2_REGION", "OFM_REGION"),
}


@dataclass(frozen=True)
class Move:
    """Bytes first .. first + bytes - 1 of one base pointer, and the place of the first in the arena."""

    base: int
    first: int
    bytes: int
    arena_offset: int


def relocate(stream: np.ndarray, moves: list[Move]) -> np.ndarray:
    """The stream with only addresses of base pointers 0 (weights, unchanged) and 1 (the arena)."""
    wanted: dict[str, Command] = {}
    held: dict[str, tuple[int, int]] = {}
    words: list[int] = []

    def put(register: str, parameter: int, address: int, emit: Callable[[], list[int]]) -> None:
        if held.get(register) != (parameter, address):
            held[register] = parameter, address
            words.extend(emit())

    def write(region: str) -> None:
        """Set a base pointer's number and its addresses for the next operation."""
        command = wanted.get(region)
        if command is None:
            return
        base, kept = command.parameter & 7, command.parameter & ~7
        final = base
        shram = region == "DMA0_DST_REGION" and command.parameter & 0x100
        for register in _MEMORIES[region]:
            if register not in wanted:
                continue
            address = wanted[register].address
            if base != WEIGHTS and not shram:
                address, final = _moved(moves, base, address, wanted[register]), ARENA
            put(register, 0, address, lambda r=register, a=address: encode(f"NPU_SET_{r}", payload=a))  # type: ignore[misc]
        put(region, kept | final, 0, lambda: encode(f"NPU_SET_{region}", kept | final))

    for command in decode(stream):
        register = command.definition.register
        if register in _MEMORIES or register in _REGION_OF:
            wanted[register] = command
            continue
        for region in _USED_BY.get(command.name, ()):
            write(region)
        words += encode(command.name, command.parameter, command.payload)
    return np.asarray(words, np.uint32)


def _moved(moves: list[Move], base: int, address: int, command: Command) -> int:
    """An address of a base pointer as one of the arena. Unused tiles hold 0; that is no address."""
    mine = [move for move in moves if move.base == base]
    for move in mine:
        if move.first <= address < move.first + move.bytes:
            return move.arena_offset + address - move.first
    if mine and address == 0:
        return mine[0].arena_offset
    raise Ocrm55Error(f"{command.where} names address {address:#x} of base pointer {base}, where nothing lies.")
