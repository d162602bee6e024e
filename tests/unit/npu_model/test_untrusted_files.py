"""Vela's raw files may come from anywhere: reading one runs nothing that it holds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from ocrm55.errors import InputError
from ocrm55.npu_model import vela_files


class Bomb:
    """Makes a file when it is unpickled as pickle would."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.mkdir, (str(self.mark),)


def test_a_raw_file_that_holds_a_program_is_refused_and_does_not_run_it(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    np.savez(tmp_path / "bomb.npz", cmd_data=np.array([Bomb(mark)], dtype=object))
    with pytest.raises(InputError, match=r"holds a Python object, posix\.mkdir"):
        vela_files.load(tmp_path / "bomb.npz")
    assert not mark.exists()


def test_a_pickle_that_only_claims_to_be_of_numpy_is_refused_too(tmp_path: Path) -> None:
    class Loads:
        def __reduce__(self) -> tuple[object, tuple[str, ...]]:
            return np.fromfile, (str(tmp_path / "bomb.npz"),)

    np.savez(tmp_path / "bomb.npz", cmd_data=np.array([Loads()], dtype=object))
    with pytest.raises(InputError, match="holds a Python object, numpy"):
        vela_files.load(tmp_path / "bomb.npz")


def raw(path: Path, **changed: object) -> Path:
    """A file as `vela --output-format raw` writes it, of a network that does nothing."""
    words = np.array([0x31504F43, 1, 0x00000007, 0, 1 << 16 | 2, 0], "<u4")
    values: dict[str, object] = {"cmd_data": words.view(np.uint8), "weight_data": np.zeros(4, np.uint8)}
    values |= {"scratch_region": 1, "scratch_size": 100, "scratch_fast_region": 2, "scratch_fast_size": 0}
    for kind in ("input", "output"):
        values |= {f"{kind}_shape": [[1, 1]], f"{kind}_elem_size": [1], f"{kind}_region": [1], f"{kind}_offset": [0]}
    np.savez_compressed(path, **values | changed)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "changed",
    [
        {"scratch_fast_size": -5},
        {"scratch_size": 20 << 30, "scratch_fast_size": -20 << 30},  # in sum nothing
        {"output_shape": [[2**32, 2**32]]},  # in 64 bits nothing
        {"output_offset": [2**62]},
    ],
)
def test_memory_that_no_system_has(changed: dict[str, object], tmp_path: Path) -> None:
    assert vela_files.load(raw(tmp_path / "good.npz")).region_bytes == {1: 100, 2: 0}
    with pytest.raises(InputError, match="bytes of memory"):
        vela_files.load(raw(tmp_path / "a.npz", **changed)).run([np.zeros((1, 1), np.int8)])


def test_a_small_file_of_many_zeros_is_not_unpacked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="once it is unpacked"):
        vela_files.load(raw(tmp_path / "a.npz", weight_data=np.zeros(vela_files.MOST_UNPACKED, np.uint8)))


def test_a_tensor_outside_its_region(tmp_path: Path) -> None:
    for kind in ("input", "output"):
        program = vela_files.load(raw(tmp_path / "a.npz", **{f"{kind}_region": [0], f"{kind}_offset": [4]}))
        with pytest.raises(InputError, match=f"Tensor {kind} 0 lies outside region 0"):
            program.run([np.zeros((1, 1), np.int8)])
