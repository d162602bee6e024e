"""What is asked of Vela, and what is said when it cannot be asked."""

import importlib.util
import subprocess
from pathlib import Path

import pytest

from ocrm55 import processes
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets.choice import check
from ocrm55.compiler.targets.ethos_u import vela
from ocrm55.compiler.targets.ethos_u.options import NpuOptions
from ocrm55.errors import InputError, ToolchainError, UnsupportedError

CONFIG = """
[System_Config.Mine]
core_clock=400e6
[Memory_Mode.Flash]
const_mem_area=Axi1
arena_mem_area=Axi0
cache_mem_area=Axi0
[Memory_Mode.Chip]
const_mem_area=Axi0
arena_mem_area=Axi0
cache_mem_area=Axi0
[Memory_Mode.Child]
inherit=Memory_Mode.Chip
[Memory_Mode.Hen]
inherit=Memory_Mode.Egg
[Memory_Mode.Egg]
inherit=Memory_Mode.Hen
note=100 % circular
"""
needs_vela = pytest.mark.skipif(
    importlib.util.find_spec("ethosu") is None, reason="ethos-u-vela is not installed: pip install 'ocrm55[npu]'"
)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ini"
    path.write_text(CONFIG)
    return path


def test_without_vela_the_sentence_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolchainError) as raised:
        vela.check(NpuOptions("ethos-u55-128"))
    assert raised.value.tries == ["pip install 'ocrm55[npu]'"]


@needs_vela
def test_modes_and_systems_of_a_users_file(config: Path) -> None:
    options = NpuOptions("ethos-u55-32", "Flash", config)
    vela.check(options)
    words = vela.command(Path("a.tflite"), Path("out"), options)
    assert words[words.index("--system-config") + 1] == "Mine"
    assert words[words.index("--config") + 1] == str(config)
    assert not vela.weights_on_chip(options)
    assert vela.weights_on_chip(NpuOptions("ethos-u55-32", "Child", config))
    assert not vela.weights_on_chip(NpuOptions("ethos-u55-32", "Hen", config))
    with pytest.raises(InputError, match="no memory mode Shared_Sram; it has Flash, Chip, Child, Hen, Egg"):
        vela.check(NpuOptions("ethos-u55-32", "Shared_Sram", config))


@needs_vela
def test_what_is_wrong_is_one_sentence(config: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="ethos-u85-128 is not one of"):
        vela.check(NpuOptions("ethos-u85-128"))
    with pytest.raises(InputError, match="Dedicated_Sram"):
        vela.check(NpuOptions("ethos-u55-128", "Dedicated_Sram"))
    with pytest.raises(InputError, match="cannot be read"):
        vela.check(NpuOptions("ethos-u55-128", "Flash", tmp_path / "none.ini"))
    config.write_bytes(b"\xff\x00[")
    with pytest.raises(InputError, match="no configuration of Vela"):
        vela.check(NpuOptions("ethos-u55-128", "Flash", config))
    config.write_text(CONFIG.replace("[Memory", "[System_Config.Other]\n[Memory", 1))
    with pytest.raises(InputError, match="Mine, Other; which one is meant"):
        vela.check(NpuOptions("ethos-u55-128", "Flash", config))


@needs_vela
def test_a_vela_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("vela", 1)

    monkeypatch.setattr(processes, "completed", hang)
    with pytest.raises(ToolchainError, match="did not end within"):
        vela.compile_region("r", b"", NpuOptions("ethos-u55-128"))


def test_what_an_npu_does_not_go_with() -> None:
    with pytest.raises(UnsupportedError, match="int8"):
        check(CompileOptions(npu="ethos-u55-128", precision="float32"))
    with pytest.raises(UnsupportedError, match="widths"):
        check(CompileOptions(npu="ethos-u55-128", precision="int8", widths=(96, 320)))
    check(CompileOptions(precision="float32"))
