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
