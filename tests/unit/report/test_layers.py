"""Layers from metadata and counts: sums, bytes and bounds, worked out by hand for the network of tiny_network.py."""

from __future__ import annotations

import pytest

from ocrm55.metadata import Metadata
from ocrm55.report import names, profile
from ocrm55.report.cost_picture import intensity_picture
from ocrm55.report.layers import by, layers, totals
from tests import metadata_rows as rows
from tests.unit.report.tiny_network import COUNTS, LIVE, MACS


def test_sums_over_layers_are_the_metadatas(metadata: Metadata) -> None:
    sums = totals(layers(metadata, COUNTS))
    assert sums.macs == metadata.macs == sum(MACS)
    assert sums.instructions == sum(COUNTS)
    assert sums.weight_bytes == metadata.weight_bytes


def test_bytes_and_bound_of_the_first_layer(metadata: Metadata) -> None:
    first = layers(metadata, COUNTS)[0]
    if metadata.precision == "float32":
        assert (first.input_bytes, first.output_bytes, first.weight_bytes) == (4 * 3 * 8 * 16, 4 * 4 * 4 * 8, 500)
        assert first.bound == 3124 / 2
    else:
        assert (first.input_bytes, first.output_bytes, first.weight_bytes) == (3 * 8 * 16, 4 * 4 * 8, 500)
        assert first.bound == 391  # 3124 / 8 = 390.5: no half cycles
    assert first.bytes_read == first.input_bytes + 500
    assert first.macs_a_byte == 3124 / (first.bytes_read + first.output_bytes)
    assert first.per_mac == 9000 / 3456


def test_the_rate_is_that_of_what_a_layer_reads() -> None:
    operators = [
        rows.operator("m", "matmul", macs=64, inputs=["f"], output="q"),
        rows.operator("n", "matmul", macs=64, inputs=["q", "q"], output="f"),
    ]
    tensors = [rows.tensor("f", [4], "float32", 16), rows.tensor("q", [4], "int8", 4)]
    metadata = Metadata.of(rows.metadata(operators, tensors=tensors))
    mixed = layers(metadata)
    assert [row.bound for row in mixed] == [32, 8]
    assert mixed[1].input_bytes == 4  # twice the same tensor, counted once
    assert mixed[0].instructions is None
    assert totals(mixed).instructions is None


def test_counts_of_another_network_are_refused(metadata: Metadata) -> None:
    with pytest.raises(ValueError, match="4 counts for 5 operators"):
        layers(metadata, COUNTS[:4])


def test_groups_hold_every_layer_once_and_the_dearest_comes_first(metadata: Metadata) -> None:
    found = layers(metadata, COUNTS)
    groups = by(found, lambda row: row.kind)
    assert sorted(row.index for group in groups.values() for row in group) == [0, 1, 2, 3, 4]
    sums = [totals(group).instructions for group in groups.values()]
    assert sums == sorted(sums, reverse=True)


def test_live_macs_bound_below_macs(metadata: Metadata) -> None:
    assert [row.live_macs for row in layers(metadata)] == LIVE


@pytest.mark.parametrize(
    ("name", "title", "block"),
    [
        ("backbone.block_list.11._depthwise_conv._conv", "block 11 depthwise", "block 11"),
        ("backbone.block_list.11._se.conv2", "block 11 SE conv2", "block 11"),
        (
            "backbone.block_list.12._pointwise_conv._conv/averagepool",
            "block 12 pointwise · average pool",
            "block 12",
        ),
        ("backbone.conv1._conv", "backbone conv1", "stem"),
        ("head.ctc_encoder.encoder.conv1.conv", "neck conv1", "neck"),
        ("head.ctc_encoder.encoder.svtr_block.0.mixer.qkv/matmul.2", "svtr 0 qkv · matmul 2", "svtr 0"),
        ("head.ctc_head.fc", "head fc", "head"),
        ("Conv.12", "Conv.12", "Conv"),
        ("/model/layer1/Conv_3", "/model/layer1/Conv_3", "model"),
        ("", "", ""),
        ("/", "/", "/"),
    ],
)
def test_names(name: str, title: str, block: str) -> None:
    assert names.readable(name) == title
    assert names.block(name) == block


def test_titles_of_a_network_are_unique() -> None:
    assert names.unique(["a", "b", "a", "a"], ["k", "k", "k", "k"]) == ["a", "b", "a (2)", "a (3)"]
    assert names.unique(["a", "a", "a"], ["k", "to_int8", "to_int8"]) == ["a", "a · to int8", "a · to int8 (2)"]


def test_an_npus_regions_have_the_npus_rate_and_weights() -> None:
    region = rows.region("region_0", weight_bytes=700, macs=25_600)
    operators = [
        rows.operator("region_0", "npu_region", target="ethos-u55", macs=25_600, inputs=["x"]),
        rows.operator("m", "matmul", target="m55", macs=64, inputs=["x"], weight_bytes=8),
    ]
    outputs = [rows.tensor(name, [4], "int8", 4) for name in ("x", "region_0", "m")]
    npu = rows.npu([region], macs=25_600, vela_cycles=4321)
    metadata = Metadata.of(rows.metadata(operators, tensors=outputs, npu=npu))
    found = layers(metadata, [730, 100])
    assert [row.bound for row in found] == [200, 8]
    assert [row.weight_bytes for row in found] == [700, 8]
    assert "(8 int8 MACs a cycle), at 128 on the NPU" in profile.bound_in_words(found)
    assert profile.npu_in_words(metadata).startswith(
        "An ethos-u55-128 computes 99.8% of the padded MACs in 1 command stream"
    )
    assert "Vela 5.2.0 estimates 4,321" in profile.npu_in_words(metadata)
    assert "region_0" not in str(intensity_picture(found, 800).inline("wide"))
