"""Where the arena and the weights go: the fastest memory that has room, the hottest weights first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ocrm55 import boards
from ocrm55.compiler.codegen import driver
from ocrm55.compiler.memory import placement
from ocrm55.compiler.operators.int8.convolution import Pointwise
from ocrm55.compiler.operators.int8.epilogue import Epilogue
from ocrm55.compiler.operators.program import Operator, Program, Tensor
from ocrm55.errors import UnsupportedError

KILO = 1024


def program_of(weights: dict[str, tuple[int, int]]) -> Program:
    """Pointwise layers on one row: name -> bytes of its weights, pixels."""
    program = Program("test", "int8")
    program.add(Tensor("x", (1, 1, 4, 16), "int8", "input", "x"))
    for name, (size, pixels) in weights.items():
        data = np.zeros(size, np.int8)
        weight = program.add(Tensor(f"{name}_weights", data.shape, "int8", "weight", name, data))
        output = program.add(Tensor(name, (1, 1, pixels, 16), "int8", "activation", name))
        spec = Pointwise(16, 1, pixels, 16, 1, pixels, (1, 1), (1, 1), (0, 0), 0, Epilogue("clamp", 16))
        operator = Operator(name, name, spec, ["x", weight.name], [output.name])
        operator.arguments = ["x", weight.name, output.name]
        program.operators.append(operator)
    return program


@pytest.fixture(scope="module")
def board() -> boards.MemoryMap:
    return boards.find().memories


def test_what_fits_is_tightly_coupled_and_leaves_room_for_the_stack(board):
    room = placement.arena_room(board)
    placed = placement.place(program_of({"a": (KILO, 4)}), room, board)
    assert placed.arena.name == "DTCM"
    assert room + board.stack_bytes < placed.arena.size
    assert placement.place(program_of({"a": (KILO, 4)}), room + 16, board).arena.name == "ISRAM"


def test_weights_stay_on_the_chip_while_they_fit(board):
    small, large = program_of({"a": (2000 * KILO, 4)}), program_of({"a": (3000 * KILO, 4)})
    assert placement.place(small, 16, board).weights.name == "ISRAM"
    assert placement.place(large, 16, board).weights.name == "DDR"  # one tensor, which cannot be split
    # An arena that needs the chip's memory comes first.
    assert placement.place(small, 1000 * KILO, board).weights.name == "DDR"


def test_the_hottest_weights_lie_beside_the_arena(board):
    program = program_of({"cold": (100 * KILO, 1), "warm": (100 * KILO, 40), "hot": (100 * KILO, 400)})
    placed = placement.place(program, placement.arena_room(board) - 150 * KILO, board)
    assert placed.hot == ("hot_weights",)
    assert placed.hot_weights.name == "DTCM"
    assert placed.bytes == {
        "arena": placement.arena_room(board) - 150 * KILO,
        "weights": 200 * KILO,
        "hot_weights": 100 * KILO,
    }
    roomy = placement.place(program, 16, board)
    assert roomy.hot == ("hot_weights", "warm_weights")  # what is read once stays


def test_hot_weights_are_one_part_of_the_file(board):
    program = program_of({"a": (48, 1), "b": (20, 8), "c": (32, 4)})
    image = driver.weight_image(program, ["c_weights", "b_weights"])
    assert image.offsets == {"b_weights": 0, "c_weights": 32, "a_weights": 64}
    assert image.hot_bytes == 64
    assert image.place("c_weights") == "ocrm55_test_weights_hot + 32"
    assert image.place("a_weights") == "ocrm55_test_weights + 0"
    assert len(image.data) == 112
    plain = driver.weight_image(program)
    assert plain.hot_bytes == 0
    assert plain.place("b_weights") == "ocrm55_test_weights + 48"


def test_what_fits_nowhere_is_refused_with_the_difference(board):
    with pytest.raises(UnsupportedError, match=r"the arena takes 3,000,000 bytes; ISRAM .* 2,097,152, 902,848 too few"):
        placement.place(program_of({"a": (16, 1)}), 3_000_000, board)
    tight = {name: replace(region, size=KILO * KILO) for name, region in board.regions.items()}
    with pytest.raises(UnsupportedError, match="the weights take 2,097,152 bytes") as trouble:
        placement.place(program_of({"a": (2048 * KILO, 1)}), 16, replace(board, regions=tight))
    assert any("--memory-map" in word for word in trouble.value.tries)


def test_a_board_without_tightly_coupled_memory(board):
    plain = replace(board, preference={})
    assert placement.arena_room(plain) == 0
    placed = placement.place(program_of({"a": (KILO, 400)}), 16, plain)
    assert placed.arena.name == "ISRAM"
    assert placed.weights.name == "DDR"
    assert placed.hot_weights.name == "SRAM"


FAR = placement.Reach(tightly_coupled=False)
ON_CHIP = placement.Reach(tightly_coupled=False, off_chip=False, tries=("--npu-memory-mode Shared_Sram",))


def test_what_an_npu_reads_or_writes_is_not_tightly_coupled(board):
    program = program_of({"a": (KILO, 400)})
    placed = placement.place(program, 16, board, 1500 * KILO, FAR)
    assert (placed.arena.name, placed.weights.name) == ("ISRAM", "ISRAM")
    assert placed.bytes["weights"] >= 1500 * KILO
    placed = placement.place(program, 600 * KILO, board, 1500 * KILO, FAR)
    assert (placed.arena.name, placed.weights.name) == ("ISRAM", "DDR")


def test_weights_that_an_npu_wants_on_the_chip_leave_the_larger_memory_to_themselves(board):
    program = program_of({"a": (KILO, 4)})
    placed = placement.place(program, 600 * KILO, board, 1500 * KILO, ON_CHIP)
    assert (placed.arena.name, placed.weights.name) == ("SRAM", "ISRAM")
    with pytest.raises(UnsupportedError, match="the weights take 3,073,024 bytes") as trouble:
        placement.place(program, 600 * KILO, board, 3000 * KILO, ON_CHIP)
    assert trouble.value.tries[0] == "--npu-memory-mode Shared_Sram"


def test_weights_that_miss_a_memory_as_a_whole_are_split_and_the_coldest_lie_apart(board):
    layers = {f"layer{n}": (500 * KILO, 4 * (n + 2)) for n in range(4)}
    program = program_of(layers | {"once": (500 * KILO, 1)})
    placed = placement.place(program, placement.arena_room(board), board)
    assert (placed.weights.name, placed.bytes["weights"]) == ("ISRAM", 2000 * KILO)
    assert placed.far_weights is not None
    assert (placed.far_weights.name, placed.far, placed.bytes["far_weights"]) == ("SRAM", ("once_weights",), 500 * KILO)
    assert [what for what, *_ in placed.rows()] == ["arena", "weights", "far_weights"]


def test_the_hottest_lie_nearest_the_coldest_off_the_chip(board):
    layers = {f"layer{n}": (400 * KILO, 4 * (n + 2)) for n in range(12)}
    placed = placement.place(program_of(layers), 16, board)
    assert placed.hot == ("layer11_weights",)
    assert placed.far_weights is not None
    assert placed.far_weights.name == "DDR"
    assert placed.far == tuple(f"layer{n}_weights" for n in range(5, -1, -1))
    assert sum(placed.bytes.values()) == 16 + 12 * 400 * KILO


def test_a_targets_own_constants_keep_weights_together(board):
    program = program_of({"a": (1500 * KILO, 40), "b": (500 * KILO, 4)})
    placed = placement.place(program, placement.arena_room(board), board, 500 * KILO)
    assert placed.far_weights is None
    assert (placed.weights.name, placed.bytes["weights"]) == ("DDR", 2500 * KILO)


def test_far_weights_are_the_last_part_of_the_file():
    program = program_of({"a": (48, 1), "b": (20, 8), "c": (32, 4)})
    image = driver.weight_image(program, ["b_weights"], ["a_weights"])
    assert image.offsets == {"b_weights": 0, "c_weights": 32, "a_weights": 64}
    assert (image.hot_bytes, image.far_bytes, len(image.data)) == (32, 48, 112)
    assert image.place("b_weights") == "ocrm55_test_weights_hot + 0"
    assert image.place("c_weights") == "ocrm55_test_weights + 0"
    assert image.place("a_weights") == "ocrm55_test_weights_far + 0"
    assert '.incbin "weights.bin", 32, 32' in driver.weight_files(image)["weights.S"]
    assert '.incbin "weights.bin", 64' in driver.weight_files(image)["weights.S"]


def test_an_output_that_fits_no_arena_is_refused_by_its_size_alone() -> None:
    memories = boards.find().memories
    room = placement.arena_room(memories, coupled=False)
    placement.check_output(room, memories, ["leave --npu out"])
    with pytest.raises(placement.NoRoomError, match=r"the output takes [\d,]+ bytes; .*, 1 too few") as refused:
        placement.check_output(room + 1, memories, ["leave --npu out"])
    assert refused.value.tries[0] == "leave --npu out"
    assert "the arena in DDR" in refused.value.tries[1]
