"""What the estimate of cycles says: ranges, losses, memory, and every assumption."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from ocrm55.cycles import pipeline
from ocrm55.cycles.estimate import Cost, Range, sum_of
from ocrm55.cycles.inference import Inference, Memory
from ocrm55.cycles.pipeline import Lost
from ocrm55.report import cycles
from ocrm55.report.layers import Layer


def range_of(instructions: int, likely: float) -> Range:
    lost = Counter({Lost.PIPE: round(likely / 10), Lost.BANK: 5})
    return Range(*(Cost(instructions, likely * share, lost) for share in (0.9, 1.0, 1.2)))


DDR = Memory("DDR", 3200, 64, (100, 120), None)
FOUND = Inference(
    operators=[range_of(1000, 2000.0)],
    between=range_of(10, 20.0),
    preprocess=sum_of([]),
    decode=sum_of([]),
    memory=[DDR],
    operator_memory=[[DDR]],
    cache_bytes=32768,
    cache_assumed=True,
    engine="a plugin in QEMU",
)
WAITING = replace(FOUND, memory=[replace(DDR, waits=(900.0, 4800.0))], cache_assumed=False)


@pytest.fixture
def layers() -> list[Layer]:
    shape, peak = (1, 1, 1, 8), 8
    return [
        Layer(0, "one", "one", "", "pointwise_int8", "m55", "f", shape, "int8", 8000, 8000, peak, 1000, 1, 1, 1, 0, {})
    ]


def test_json_has_every_assumption(layers: list[Layer]) -> None:
    said = cycles.values(layers, FOUND, 400.0)
    assert said["estimate"] is True
    assert said["model"]["version"] == pipeline.VERSION
    assert said["model"]["sources"] == list(pipeline.SOURCES)
    assert said["model"]["rules"]["most"]["taken"] == pipeline.MOST.taken
    assert said["assumptions"]["engine"] == "a plugin in QEMU"
    assert said["assumptions"]["data_cache"]["assumed"] is True
    assert said["assumptions"]["waits"] == "none assumed"
    (layer,) = said["layers"]
    assert layer["cycles"] == {"least": 1800, "likely": 2000, "most": 2400}
    assert (layer["cycles_an_instruction"], layer["macs_a_cycle"]) == (2, 4)
    assert layer["lost"] == {"pipes": 200, "banks": 5}
    assert said["inference"]["cycles"]["likely"] == 2020


def test_a_range_is_never_one_number_and_waits_are_added(
    layers: list[Layer], capsys: pytest.CaptureFixture[str]
) -> None:
    cycles.show(layers, FOUND, 400.0)
    first = capsys.readouterr().out
    assert "no wait assumed" in first
    assert "nothing was timed on silicon" in first
    assert "measured" not in first
    cycles.show(layers, WAITING, None)
    second = capsys.readouterr().out
    assert "With waits for memory 2.72 k to 7.22 k cycles, likely 4.87 k." in second
    assert cycles.values(layers, WAITING, None)["assumptions"]["data_cache"]["assumed"] is False
