"""Pictures: well-formed SVG, numbers equal to the metadata's, boxes that overlap nowhere, everything escaped."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ocrm55.boards import Region
from ocrm55.elf import Section
from ocrm55.metadata import Metadata
from ocrm55.report import arena, cost_picture, figures, memory_picture, profile, svg
from ocrm55.report.arena_picture import arena_picture
from ocrm55.report.layers import layers
from ocrm55.report.measurement import Measurement
from tests.unit.report.tiny_network import COUNTS, PRECISIONS, SECTIONS, measurement_of

SVG = "{http://www.w3.org/2000/svg}"
WIDTHS = [1040, 360]


def words_of(picture: svg.Picture) -> list[str]:
    root = ET.fromstring(picture.standalone())
    return ["".join(node.itertext()) for node in root.iter() if node.tag in (f"{SVG}text", f"{SVG}title")]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_picture_is_well_formed_and_within_its_frame(measured: Measurement, width: int) -> None:
    for name, picture in profile.pictures(measured, width).items():
        root = ET.fromstring(picture.standalone())
        assert root.tag == f"{SVG}svg", name
        ET.fromstring(picture.inline())
        for node in root.iter(f"{SVG}rect"):
            x, y, wide, high = (float(node.get(key, 0)) for key in ("x", "y", "width", "height"))
            assert x >= -0.01, name
            assert x + wide <= width + 0.6, name
            assert -0.01 <= y <= y + high <= picture.height + 0.01, name


@pytest.mark.parametrize("width", WIDTHS)
def test_bars_say_every_layer_and_its_count(measured: Measurement, width: int) -> None:
    picture = cost_picture.instructions_picture(measured.layers, width)
    said = "\n".join(words_of(picture))
    for row in measured.layers:
        assert row.title in said
        assert figures.count(row.instructions) in said


def test_lengths_of_bars_are_in_proportion(metadata: Metadata) -> None:
    root = ET.fromstring(cost_picture.instructions_picture(layers(metadata, COUNTS), 1040).standalone())
    bars = [node for node in root.iter(f"{SVG}rect") if node.find(f"{SVG}title") is not None]
    lengths = {bar.findtext(f"{SVG}title", "").split(":")[0]: float(bar.get("width", 0)) for bar in bars}
    longest = max(lengths.values())
    for row in layers(metadata, COUNTS):
        assert lengths[row.name] == pytest.approx(max(1, longest * (row.instructions or 0) / max(COUNTS)), abs=0.02)


def test_small_layers_are_folded_without_losing_any(metadata: Metadata) -> None:
    metadata = replace(metadata, operators=metadata.operators * 2)
    counts = [1_000_000, 1, 500_000, 2, 3, 4, 5, 6, 7, 8]
    root = ET.fromstring(cost_picture.instructions_picture(layers(metadata, counts), 1040).standalone())
    said = "\n".join("".join(node.itertext()) for node in root.iter(f"{SVG}text"))
    assert "2 layers under 0.1 % of all" in said
    tips = " ".join(node.text or "" for node in root.iter(f"{SVG}title"))
    assert all(row.title.split(" (")[0] in tips or row.name in tips for row in layers(metadata, counts))


def test_without_counts_the_bars_are_macs(metadata: Metadata) -> None:
    said = words_of(cost_picture.instructions_picture(layers(metadata), 1040))
    assert "padded MACs by layer, grouped by kind" in said
    assert any(
        "no layer has both" in words for words in words_of(cost_picture.intensity_picture(layers(metadata), 1040))
    )


def test_the_ceiling_is_that_of_the_precision(measured: Measurement) -> None:
    said = " ".join(words_of(cost_picture.intensity_picture(measured.layers, 1040)))
    expected = {"float32": 4, "int8": 16}[measured.metadata.precision]
    assert f"{expected} MACs: one vector instruction" in said


def test_boxes_overlap_only_where_an_operator_writes_over_its_input(metadata: Metadata) -> None:
    found = arena.boxes(metadata)
    for one, other in combinations(found, 2):
        if one.shares_bytes(other) and one.shares_time(other):
            first, second = sorted((one, other), key=lambda box: box.first)
            assert first.last == second.first, (one, other)
            assert first.end == second.start == first.last + 0.5
        if one.shares_bytes(other):
            assert one.end <= other.start or other.end <= one.start
    assert {(box.offset, box.bytes) for box in found if not box.scratch} == {
        (tensor.offset, tensor.bytes) for tensor in metadata.tensors if not tensor.view_of
    }


def test_bytes_taken_are_counted_once(metadata: Metadata) -> None:
    sizes = {tensor.name: tensor.bytes for tensor in metadata.tensors}
    taken = arena.occupied(arena.boxes(metadata), 5)
    assert taken == [
        sizes["x"],
        sizes["x"] + sizes["a"] + 64,
        sizes["a"] + sizes["b"],
        sizes["b"],  # the third operator writes c over b
        sizes["c"] + sizes["d"],
        sizes["d"] + sizes["y"],
        sizes["y"],
    ]
    assert max(taken) <= metadata.arena_bytes


@pytest.mark.parametrize("width", WIDTHS)
def test_the_arenas_peak_is_said(metadata: Metadata, width: int) -> None:
    said = " ".join(words_of(arena_picture(metadata, layers(metadata, COUNTS), width)))
    peak = max(arena.occupied(arena.boxes(metadata), 5))
    assert f"peak {peak:,} bytes at backbone conv1" in said
    assert f"arena {metadata.arena_bytes:,} bytes" in said


def test_the_memory_map_has_every_section_in_its_region(measured: Measurement) -> None:
    uses = memory_picture.uses(SECTIONS, measured.board)
    assert sum(use.used for use in uses) == sum(section.size for section in SECTIONS)
    assert {use.region.name: use.used for use in uses} == {
        "ITCM": 60_448, "SRAM": 0, "DTCM": 34_944, "ISRAM": 2112, "DDR": 6_477_696,
    }  # fmt: skip
    said = " ".join(words_of(memory_picture.memory_picture(SECTIONS, measured.board, 1040)))
    for section in SECTIONS:
        assert f"{section.size:,}" in said
    assert "the first 8 MiB are drawn" in said  # of 256: the weights would be a line


def test_what_starts_far_into_a_region_is_drawn_to_scale() -> None:
    late = memory_picture.Use(Region("R", 0x1000, 4096, ""), [Section(".text", 0x1F00, 256, True)])
    assert memory_picture._shown(late) == (4096, False)


def test_names_from_outside_are_escaped() -> None:
    nasty = "</text><script>alert(1)</script>&\"'\x00\ud800"
    measured = measurement_of("float32", [Path("word.png")])
    operators = tuple(replace(row, name=nasty, kind=nasty) for row in measured.metadata.operators)
    measured = replace(measured, metadata=replace(measured.metadata, operators=operators))
    for picture in profile.pictures(measured).values():
        text = picture.standalone()
        assert "<script" not in text
        ET.fromstring(text)
        text.encode("utf-8")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.sampled_from(PRECISIONS), st.sampled_from(WIDTHS))
def test_any_name_makes_a_picture(name: str, precision: str, width: int) -> None:
    measured = measurement_of(precision, [Path("word.png")])
    operators = tuple(replace(row, name=row.name + name if row.macs else name) for row in measured.metadata.operators)
    measured = replace(measured, metadata=replace(measured.metadata, operators=operators))
    for picture in profile.pictures(measured, width).values():
        ET.fromstring(picture.standalone())


def test_text_is_cut_to_its_room() -> None:
    assert svg.fit("short", 100) == "short"
    assert svg.fit("a long name of a layer", 60).endswith("…")
    assert svg.text_width(svg.fit("a long name of a layer", 60)) <= 60
    assert svg.fit("a long name", 8) == ""
