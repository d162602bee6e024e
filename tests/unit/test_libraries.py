"""Where the user's own copies of Arm's sources are looked for."""

from pathlib import Path

import pytest

from ocrm55 import libraries
from ocrm55.errors import InputError


def driver(folder: Path) -> Path:
    (folder / "include").mkdir(parents=True)
    (folder / "include" / "ethosu_driver.h").touch()
    return folder


def test_arm_s_npu_driver_by_option_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETHOSU_DRIVER_ROOT", raising=False)
    assert libraries.npu_driver() == {"OCRM55_ETHOSU_DRIVER": ""}
    named, other = driver(tmp_path / "named"), driver(tmp_path / "other")
    monkeypatch.setenv("ETHOSU_DRIVER_ROOT", str(other))
    assert libraries.npu_driver() == {"OCRM55_ETHOSU_DRIVER": str(other)}
    assert libraries.npu_driver(named) == {"OCRM55_ETHOSU_DRIVER": str(named)}


def test_a_folder_that_is_not_it_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"is no copy of Arm's ethos-u-core-driver.* it has no include/ethosu_driver\.h"
    ):
        libraries.npu_driver(tmp_path)
