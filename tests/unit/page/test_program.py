"""Where both networks of a program for pages go, in one arena and the board's memories."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from ocrm55 import boards, stages
from ocrm55.compiler.options import CompileOptions
from ocrm55.errors import InputError, UnsupportedError
from ocrm55.page import program

BOARD = boards.find()


def network(arena: int, weights: int, hot: int = 0) -> Any:
    return SimpleNamespace(arena_bytes=arena, weight_bytes=weights, hot_bytes=hot, far_bytes=0)


def test_the_arena_is_the_larger_one_and_lies_as_near_as_it_fits() -> None:
    small = program.place(network(100_000, 1000), network(200_001, 1000), BOARD)
    assert (small.arena_bytes, small.regions["arena"].name) == (200_032, "DTCM")
    assert program.place(network(500_000, 1000), network(1000, 1000), BOARD).regions["arena"].name == "ISRAM"


def test_weights_of_both_share_a_region_that_holds_them() -> None:
    placed = program.place(network(100_000, 900_000, 4000), network(100_000, 800_000, 1000), BOARD)
    assert (placed.weight_bytes, placed.hot_bytes) == (1_695_000, 5000)
    assert placed.regions["weights"].name == "ISRAM"
    assert program.place(network(100_000, 2 << 20), network(100_000, 1 << 20), BOARD).regions["weights"].name == "DDR"


def test_hot_weights_go_where_they_fit_beside_the_arena() -> None:
    near = program.place(network(100_000, 3_000_000, 50_000), network(1000, 1000, 50_000), BOARD)
    assert near.regions["hot_weights"].name == "DTCM"
    apart = program.place(network(480_000, 3_000_000, 50_000), network(1000, 1000, 50_000), BOARD)
    assert apart.regions["hot_weights"].name == "SRAM"
    much = program.place(network(480_000, 3_000_000, 1_500_000), network(1000, 1000, 1000), BOARD)
    assert much.regions["hot_weights"].name == "DDR"


def test_what_fits_nowhere_is_refused_with_its_size() -> None:
    with pytest.raises(
        UnsupportedError, match=r"arena of both networks: 4,000,000 bytes, for which corstone300"
    ) as found:
        program.place(network(4_000_000, 1000), network(1000, 1000), BOARD)
    assert "--arena-limit BYTES" in found.value.tries
    with pytest.raises(UnsupportedError, match=r"weights of both networks") as found:
        program.place(network(1000, 1 << 40), network(1000, 1000), BOARD)
    assert found.value.tries == ["place it elsewhere by a file for --memory-map"]  # no size of an input helps


def test_a_recognizer_whose_output_is_never_there_whole_is_refused() -> None:
    def read(rows: bool) -> Any:
        return SimpleNamespace(name="v5", metadata=SimpleNamespace(output_comes_by_rows=rows))

    with pytest.raises(UnsupportedError, match="the probabilities of v5 fit the arena only row by row"):
        program.check_output(read(True))
    program.check_output(read(False))


def test_words_say_where_and_how_much() -> None:
    placed = program.place(network(100_000, 3_000_000, 50_000), network(1000, 1000, 50_000), BOARD)
    assert placed.words == "one arena of 100,000 bytes in DTCM, 2,901,000 bytes of weights in DDR, 100,000 in DTCM"
    assert placed.defines == {
        "OCRM55_ARENA_REGION": "DTCM",
        "OCRM55_WEIGHTS_REGION": "DDR",
        "OCRM55_HOT_WEIGHTS_REGION": "DTCM",
        "OCRM55_FAR_WEIGHTS_REGION": "ISRAM",
    }


@pytest.mark.parametrize("change", [{"npu": "ethos-u55-128"}, {"image": BOARD.file}])
def test_options_that_programs_for_pages_lack_are_refused(change: dict[str, Any]) -> None:
    given = stages.Options(compile=replace(CompileOptions(), **change))
    with pytest.raises(InputError):
        program.prepare(program.PageOptions(given, program.detector_options(given, "bundled", 320, 320)))


def test_each_pair_of_networks_has_a_folder_of_its_own() -> None:
    given = stages.Options()
    names = {
        program.PageOptions(given, program.detector_options(given, source, size, size)).folder_name
        for source in ("bundled", "PP-OCRv6_tiny_det")
        for size in (320, 480)
    }
    assert len(names) == 4


def test_bundled_detectors_have_stripes_that_fit_the_recognizers_arena() -> None:
    def limit(source: str, size: int, **change: Any) -> int | None:
        given = stages.Options(compile=replace(CompileOptions(), **change))
        detector = program.detector_options(given, source, size, size)
        return program.striped(detector, 493_584).compile.arena_limit

    assert limit("bundled", 320) == 493_600
    assert limit("bundled", 480) == 480 * 480 * 48 // 10
    assert limit("bundled", 320, arena_limit=400_000) == 400_000
    assert limit("bundled", 320, kernels=("cmsis-nn",)) == 493_600
    assert limit("detector-v6", 320) == 493_600
    assert limit("PP-OCRv6_tiny_det", 320) is None


def test_a_detector_that_is_not_there_is_refused_before_all_work() -> None:
    with pytest.raises(InputError, match="there is no detector"):
        program.detector_options(stages.Options(), "nowhere", 320, 320)
