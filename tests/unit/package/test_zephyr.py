"""A package as a Zephyr module: its files keep Zephyr's schemas, in our words; module and sample build and run.

Zephyr itself builds it in tests/target/test_zephyr.py, where it is at hand. Here `zephyr_stand_in` plays what the
module uses of it, as Zephyr's documentation describes that.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml

from ocrm55 import boards
from ocrm55.package.compiled import Compiled
from ocrm55.package.write import Order, write
from tests.unit.package.hand_made import artifact

STAND_IN = Path(__file__).parent / "zephyr_stand_in"
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


def map_of(required: dict[str, object], **optional: object) -> dict[str, object]:
    """A schema of a map that has these keys and no others."""
    return {
        "type": "object",
        "properties": required | optional,
        "required": list(required),
        "additionalProperties": False,
    }


# Of Zephyr's lib/libc/Kconfig, in our words.
LIBRARY = 'config REQUIRES_FULL_LIBC\n\tbool\nconfig REQUIRES_FLOAT_PRINTF\n\tbool "Floats"\n'

# Those keys that Zephyr's scripts/schemas allow and that we write.
MODULE = map_of(
    {"name": {"type": "string", "pattern": r"^\w+$"}}, build=map_of({"cmake": TEXT, "kconfig": TEXT}), samples=TEXTS
)
HARNESS = map_of({"type": {"enum": ["one_line", "multi_line"]}, "regex": TEXTS})
SCENARIO = map_of(
    {},
    timeout={"type": "integer"},
    harness={"const": "console"},
    harness_config=HARNESS,
    build_only={"type": "boolean"},
)
COMMON = map_of({}, tags=TEXT, platform_allow=TEXT, integration_platforms=TEXTS)
SAMPLE = map_of(
    {
        "sample": map_of({"name": TEXT}, description=TEXT),
        "tests": {"type": "object", "patternProperties": {r"^\w+(\.\w+)+$": SCENARIO}, "additionalProperties": False},
    },
    common=COMMON,
)


@pytest.fixture
def package(tmp_path: Path, models: Path) -> Path:
    compiled = Compiled.read(artifact(tmp_path / "artifact"))
    return write(Order(compiled, boards.find().memories, models / "samples" / "digit.png"), tmp_path / "package")


def test_module_and_sample_keep_the_schemas(package: Path) -> None:
    module = yaml.safe_load((package / "zephyr" / "module.yml").read_text())
    jsonschema.validate(module, MODULE)
    assert (package / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    assert (package / module["build"]["kconfig"]).is_file()
    for sample in module["samples"]:
        described = yaml.safe_load((package / sample / "sample.yaml").read_text())
        jsonschema.validate(described, SAMPLE)
        board = described["common"]["platform_allow"]
        assert described["common"]["integration_platforms"] == [board]
        for name in (board.replace("/", "_"), "mps3_an547"):  # the other was its name until Zephyr 3.7
            assert (package / sample / "boards" / f"{name}.overlay").is_file()
            assert "CONFIG_BUILD_OUTPUT_BIN=n" in (package / sample / "boards" / f"{name}.conf").read_text()


def test_the_sample_s_line_is_what_its_regex_awaits(package: Path) -> None:
    described = yaml.safe_load((package / "zephyr" / "sample" / "sample.yaml").read_text())
    (pattern,) = described["tests"]["ocrm55.sample.read"]["harness_config"]["regex"]
    assert re.search(pattern, "text: Cambridge, score: 0.999848")
    assert not re.search(pattern, "not read")
    said = (package / "zephyr" / "sample" / "src" / "main.c").read_text()
    assert 'printf("text: %s, score: %.6f\\n"' in said


def test_kconfig_is_read_by_kconfiglib(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kconfiglib = pytest.importorskip("kconfiglib")
    top = tmp_path / "Kconfig"
    top.write_text(
        f'config CPU_HAS_FPU\n\tdef_bool y\nconfig FPU\n\tbool\n{LIBRARY}osource "{package}/zephyr/Kconfig"\n'
    )
    found = kconfiglib.Kconfig(str(top), warn_to_stderr=False)
    assert not found.warnings
    found.load_config(str(package / "zephyr" / "sample" / "prj.conf"))
    assert not found.warnings
    assert [found.syms[name].str_value for name in ("OCRM55", "FPU", "REQUIRES_FULL_LIBC")] == ["y", "y", "y"]


def test_the_linker_script_s_part_is_whole(package: Path, tmp_path: Path) -> None:
    """Through the C preprocessor, with macros as Zephyr's linker headers have them, and through a linker."""
    if not shutil.which("arm-none-eabi-gcc"):
        pytest.skip("arm-none-eabi-gcc not installed")
    script = tmp_path / "all.ld.S"
    script.write_text(
        f"""\
#define GROUP_START(where)
#define GROUP_END(where)
#define GROUP_LINK_IN(where) > where
#define SECTION_DATA_PROLOGUE(name, options, align) name options : align
#define DT_CHOSEN(name) name
#define LINKER_DT_NODE_REGION_NAME_TOKEN(node) ISRAM
MEMORY {{ ISRAM (rw) : ORIGIN = 0x31000000, LENGTH = 4096 }}
SECTIONS {{
#include "{package}/zephyr/weights.ld"
}}
"""
    )
    source = tmp_path / "weights.c"
    source.write_text('__attribute__((section(".ocrm55.weights"))) const unsigned words[3] = {1, 2, 3};\n')
    gcc = ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mthumb", "-nostdlib"]
    done = [
        [*gcc, "-E", "-P", "-undef", "-x", "c", script, "-o", tmp_path / "all.ld"],
        [*gcc, "-Wl,-e0", f"-T{tmp_path / 'all.ld'}", source, "-o", tmp_path / "program"],
    ]
    for words in done:
        subprocess.run(words, check=True, capture_output=True)
    table = subprocess.run(
        ["arm-none-eabi-objdump", "-h", tmp_path / "program"], check=True, capture_output=True, text=True
    ).stdout
    assert re.search(r"\.ocrm55\.weights +0000000c +31000000 +31000000", table)
