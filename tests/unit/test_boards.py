"""board.json of a board: what is wrong with one is said in one sentence that names the file."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path

import pytest

from ocrm55 import boards
from ocrm55.compiler.options import CompileOptions
from ocrm55.compiler.targets.choice import check
from ocrm55.errors import InputError, UnsupportedError

OWN = json.loads(boards.find().file.read_text())


def changed(*path_and_value: object) -> dict:
    """The Corstone-300's map with one thing changed: keys and indices, then the new value."""
    *path, last, new = path_and_value
    value = deepcopy(OWN)
    inner = value
    for key in path:
        inner = inner[key]
    inner[last] = new
    return value


def refused(file: Path, content: str) -> str:
    file.write_text(content)
    with pytest.raises(InputError) as trouble:
        boards.read_memories(file)
    assert str(file) in trouble.value.sentence
    assert trouble.value.sentence.endswith(".")
    assert "\n" not in trouble.value.sentence
    return trouble.value.sentence


def test_the_own_map() -> None:
    board = boards.find().memories
    assert board.name == "corstone300"
    assert [region.name for region in board.candidates("arena")] == ["DTCM", "ISRAM"]
    assert board.regions["ITCM"].tier == boards.TIGHTLY_COUPLED
    assert board.regions["DDR"].tier == boards.OFF_CHIP


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("\x00", "is no JSON"),
        ("[]", "is no JSON object"),
        ("{}", "no list of `regions`"),
        ('{"regions": []}', "no list of `regions`"),
        ('{"regions": [7]}', "a name that a linker script can say"),
        ('{"regions": [{"name": "A B"}]}', "a name that a linker script can say"),
        ('{"regions": [{"name": "A"}]}', "the origin of A"),
        ('{"regions": [{"name": "A", "origin": 5, "bytes": 1}]}', "the origin of A"),
        ('{"regions": [{"name": "A", "origin": "0x0", "bytes": -1}]}', "the bytes of A"),
        ('{"regions": [{"name": "A", "origin": "0x0", "bytes": true}]}', "the bytes of A"),
        ('{"regions": [{"name": "A", "origin": "0xFFFFFFFF", "bytes": 2}]}', "32-bit"),
    ],
)
def test_what_is_no_map(text: str, words: str, tmp_path: Path) -> None:
    assert words in refused(tmp_path / "board.json", text)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (changed("regions", 1, "name", "ITCM"), "two regions called ITCM"),
        (changed("regions", 1, "origin", "0x20000010"), "DTCM and SRAM overlap"),
        (changed("regions", 0, "tier", 3), "the tier of ITCM"),
        (changed("placement", "arena", "HEAP"), "places `arena` in `HEAP`"),
        (changed("placement", "code", None), "in `placement`"),
        (changed("placement", []), "in `placement`"),
        (changed("preference", "arena", "DTCM"), "prefers `DTCM` for `arena`"),
        (changed("preference", "arena", ["HEAP"]), "prefers"),
        (changed("preference", "heap", ["DTCM"]), "for `heap`"),
        (changed("stack_bytes", "32K"), "stack_bytes"),
        (changed("data_cache_bytes", 3000), "data_cache_bytes"),
        (changed("data_cache_bytes", True), "data_cache_bytes"),
        (changed("regions", 4, "fill_cycles", "18"), "the fill_cycles of DDR"),
        (changed("regions", 4, "fill_cycles", [40, 9]), "the fill_cycles of DDR"),
        (changed("regions", 4, "fill_cycles", [9]), "the fill_cycles of DDR"),
        (changed("regions", 4, "stores", True), "the stores of DDR"),
        (changed("stack_bytes", 1 << 20), "a stack of 1,048,576 bytes does not fit into DTCM"),
    ],
)
def test_what_contradicts_itself(value: dict, words: str, tmp_path: Path) -> None:
    assert words in refused(tmp_path / "board.json", json.dumps(value))


def test_what_memories_cost(tmp_path: Path) -> None:
    value = changed("regions", 4, "fill_cycles", 18)
    value["regions"][3]["fill_cycles"] = [7, 12.5]
    value["regions"][4]["stores"] = "through"
    value["data_cache_bytes"] = 32768
    (tmp_path / "board.json").write_text(json.dumps(value))
    read = boards.read_memories(tmp_path / "board.json")
    assert read.data_cache_bytes == 32768
    costs = [read.regions[name].fill_cycles for name in ("DDR", "ISRAM", "DTCM")]
    assert costs == [(18, 18), (7, 12.5), None]
    assert [read.regions[name].stores_go_through for name in ("DDR", "ISRAM")] == [True, False]
    assert [read.regions[name].is_cached for name in ("DDR", "ISRAM", "DTCM", "ITCM")] == [True, True, False, False]


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot be read"):
            boards.read_memories(path)


def test_a_map_without_tiers_or_preferences_is_complete(tmp_path: Path) -> None:
    value = deepcopy(OWN)
    del value["preference"]
    for region in value["regions"]:
        del region["tier"]
    file = tmp_path / "board.json"
    file.write_text(json.dumps(value))
    assert [region.name for region in boards.read_memories(file).candidates("weights")] == ["DDR"]


def a_board(folder: Path, **changes: object) -> Path:
    """A folder with a board.json, the Corstone-300's with changes."""
    folder.mkdir()
    (folder / "board.json").write_text(json.dumps({**OWN, **changes}))
    return folder


def test_the_default_board() -> None:
    board = boards.find()
    assert (board.name, board.tag, board.has_npu, board.is_bundled) == ("corstone300", "", True, True)
    assert board.machine("qemu") == "mps3-an547"
    assert boards.find("corstone300") == board
    assert "corstone300" in boards.names()
    names = [path.name for path in board.sources]
    assert {"uart.c", "counter.c", "startup.c", "faults.c"} <= set(names)
    assert len(names) == len(set(names))
    assert board.linker_script.is_file()


def test_a_board_of_ones_own_has_only_what_differs(tmp_path: Path) -> None:
    folder = a_board(tmp_path / "mine", title="mine", simulators={})
    for name in ("uart.c", "startup.c"):
        (folder / name).touch()
    board = boards.find(str(folder))
    assert (board.name, board.tag, board.title, board.has_npu, board.is_bundled) == (
        "mine",
        "mine",
        "mine",
        False,
        False,
    )
    assert board.file == folder / "board.json"
    parents = {path.name: path.parent for path in board.sources}
    assert (parents["uart.c"], parents["startup.c"], parents["faults.c"]) == (folder, folder, board.core)
    assert board.linker_script.parent == board.core
    (folder / "firmware.ld.S").touch()
    assert board.linker_script.parent == folder
    with pytest.raises(UnsupportedError, match="qemu does not simulate the board mine"):
        board.machine("qemu")


def test_other_memories_on_the_same_board(tmp_path: Path) -> None:
    file = tmp_path / "flat.json"
    file.write_text(json.dumps({**OWN, "stack_bytes": 4096}))
    board = boards.find(memory_map=file)
    assert (board.name, board.tag, board.file, board.memories.stack_bytes) == ("corstone300", "flat", file, 4096)
    mine = boards.find(str(a_board(tmp_path / "mine")), file)
    assert (mine.tag, mine.memories.stack_bytes) == ("mine-flat", 4096)


def test_a_board_in_capitals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert boards.find("STM32N657") == boards.find("stm32n657")
    assert boards.find("Corstone300") == boards.find()
    monkeypatch.chdir(tmp_path)
    assert boards.find(a_board(Path("M55M1")).name).folder == tmp_path / "M55M1"  # the user's own folder is preferred


@pytest.mark.parametrize("name", ["nobody", "", "armv8_1m", "x" * 5000])
def test_there_is_no_such_board(name: str) -> None:
    with pytest.raises(InputError, match="there is no board"):
        boards.find(name)


@pytest.mark.parametrize("value", [7, ["qemu"], {"qemu": 7}, {"qemu": "virt,dumpdtb=x"}, {"fvp": "../x"}, {"qemu": ""}])
def test_simulators_that_are_no_names(value: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`simulators`"):
        boards.find(str(a_board(tmp_path / "mine", simulators=value)))


def test_no_npu_on_a_board_without_one(tmp_path: Path) -> None:
    board = boards.find(str(a_board(tmp_path / "mine")))
    with pytest.raises(UnsupportedError, match="the board mine has no NPU"):
        check(CompileOptions(npu="ethos-u55-128", board=board))


def test_a_board_that_is_described_is_compiled_for_and_not_started() -> None:
    board = boards.find("alif-e8")
    assert (board.tag, board.accelerator, board.has_npu, board.is_bundled) == ("alif-e8", "ethos-u55-256", True, True)
    assert not board.has_start_up
    for refused in (board.check_start_up, lambda: board.machine("qemu")):
        with pytest.raises(UnsupportedError, match="no start-up code for the board alif-e8") as trouble:
            refused()
        assert trouble.value.tries[0] == "ocrm55 package --board alif-e8 --out DIR"


def test_an_npu_is_one_that_programs_are_compiled_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names an `npu` that is unknown"):
        boards.find(str(a_board(tmp_path / "mine", npu="ethos-u85-256")))


def test_a_program_for_another_npu_is_refused() -> None:
    pytest.importorskip("ethosu.vela", reason="needs ethos-u-vela")
    options = CompileOptions(npu="ethos-u55-128", board=boards.find("alif-e8"))
    with pytest.raises(UnsupportedError, match="the NPU of the board alif-e8 is an ethos-u55-256") as trouble:
        check(options)
    assert trouble.value.tries[0] == "--npu ethos-u55-256"
