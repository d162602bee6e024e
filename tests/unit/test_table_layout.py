"""Tables fit the width that they are given, and every cell stands in them whole."""

import re
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from ocrm55 import boards, console, facts, table_layout
from ocrm55.artifact import Artifact
from ocrm55.evaluation import acceptance, assess, quantization_error, verification
from ocrm55.evaluation.evaluate import Evaluation
from ocrm55.evaluation.metrics import score
from ocrm55.evaluation.readings import Reading
from ocrm55.metadata import Metadata
from ocrm55.report import board, compare, compiled, cycles, known_boards, profile, widths
from ocrm55.report.layers import layers
from ocrm55.simulators.protocol import ImageResult
from ocrm55.tasks.recognizer.ctc import Recognition
from ocrm55.training.finetune import measure
from tests import metadata_rows
from tests.unit.report.tiny_network import estimate, metadata_of

TOOLKIT = Path(console.__file__).parent
TEXTS = st.text(st.sampled_from("ab cd.-_/é漢"), max_size=30).map(lambda text: " ".join(text.split()))
NUMBERS = st.integers(0, 10**9).map(lambda number: f"{number:,}")


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_no_line_is_too_wide_and_no_character_is_lost(count: int, data: st.DataObject) -> None:
    numbers = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
    columns = [f"column {place}" for place in range(count)]
    kinds = [NUMBERS if number else TEXTS for number in numbers]
    rows = data.draw(st.lists(st.tuples(*kinds), max_size=4))
    width = data.draw(st.sampled_from((40, 80, 200)))
    right = [name for name, number in zip(columns, numbers, strict=True) if number]
    found = table_layout.lines(columns, rows, width, right)
    assert all(cell_len(line) <= width for line in found)
    printed = sorted("".join("".join(found).split()))
    assert printed == sorted("".join("".join([*columns, *(cell for row in rows for cell in row)]).split()))


def test_a_table_that_fits_has_a_line_for_each_row() -> None:
    found = table_layout.lines(("what", "count"), [("lines", "7"), ("words", "1,000")], 80, ("count",))
    assert found == ["what   count", "lines      7", "words  1,000"]


def test_texts_are_wrapped_before_columns_go_to_a_second_line() -> None:
    columns = ("what", "count", "what to do about it")
    rows = [("a sentence of some words", "1,234,567", "install this and then that"), ("b", "1", "")]
    wrapped = table_layout.lines(columns, rows, 50, ("count",))
    assert max(map(len, wrapped)) <= 50
    assert wrapped[0].split() == ["what", "count", "what", "to", "do", "about", "it"]
    assert len(wrapped) > 3
    narrow = table_layout.lines(columns, rows, 32, ("count",))
    assert narrow[0].split() == ["what", "count"]
    assert narrow[1] == "    what to do about it"


def test_numbers_are_whole() -> None:
    columns = [f"n{place}" for place in range(12)]
    rows = [[f"{10**9 + place:,}" for place in range(12)]]
    words = " ".join(table_layout.lines(columns, rows, 40, columns)).split()
    assert set(rows[0]) <= set(words)


# --- every command ---------------------------------------------------------------------------------------------------


def test_only_one_place_prints_tables() -> None:
    others = [path for path in TOOLKIT.rglob("*.py") if re.search(r"rich\.table|import Table\b", path.read_text())]
    assert not others


LONG = "a rather long text of a picture"
COMPARISON = verification.Comparison(
    Path("word_with_a_long_name.png"), Recognition(LONG, 0.99), Recognition(LONG, 0.99), Recognition(LONG, 0.98),
    1.2e-5, 3.4e-2, True, True, 320,
)  # fmt: skip


def show_verify() -> list[str]:
    from ocrm55.commands.verify import show

    show([COMPARISON])
    return ["exact", "0.980000", "3.4e-02", "1.2e-05", "ONNX Runtime"]


def show_eval() -> list[str]:
    readings = [Reading(str(n), "it is", "it 1s" if n % 9 == 0 else "it is", 0.9, 0.9 + n % 9 / 100) for n in range(99)]
    evaluation = Evaluation(readings, score((r.written, r.read) for r in readings), 1.0)
    assert acceptance.known(readings)
    for title, columns, rows in [*assess.tables(evaluation), *assess.acceptance_tables(evaluation, 0.5)]:
        console.table(title, columns, rows, right=columns[1:])
    return ["88.9%", "at most 0.1% wrong", "i -> 1"]


def show_quantization() -> list[str]:
    layer = "head.ctc_encoder.encoder.svtr_block.0.mixer.qkv/matmul.2"
    row = quantization_error.TensorError(
        **{"tensor": "t", "layer": layer, "scale": (0.001234, 0.1234), "zero_point": -128, "alone": 41.2}
        | {"together": 33.1, "saturated": 0.0123}
    )
    quantization_error.show([row], [])
    return ["svtr 0 qkv · matmul 2", "41.2 dB", "1.23%"]


def show_compile() -> list[str]:
    """With a line for each thing that `compile` may have to say."""
    rows = [metadata_rows.operator("backbone.block_list.3._depthwise_conv._conv", macs=595_571_200)]
    stripes = [
        {
            "first": 0,
            "last": 9,
            "stripes": 12,
            "calls": 24,
            "reads_picture": True,
            "macs_again": 7,
            "copied_bytes": 123_456,
        }
    ]
    place = {"region": "DTCM", "bytes": 2_189_008}
    placement = dict.fromkeys(("arena", "weights", "hot_weights", "far_weights"), place)
    values = metadata_rows.metadata(
        rows, arena_bytes=434_176, weight_bytes=2_189_008, weights_read_again_bytes=1_044_480, placement=placement,
        stripes=stripes, whole_arena_bytes=1_638_400,
    )  # fmt: skip
    artifact = Artifact(Path("none"), Metadata.of(values), values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_show_int4", lambda _: None)
        compiled.show(artifact)
    return ["block 3 depthwise", "595,571,200", "434,176", "1,044,480", "1,638,400", "123,456"]


def show_board() -> list[str]:
    row = board.Row(layers(metadata_of("int8"))[0], 123_456_789, {}, (1e8, 1.1e8, 1.2e8))
    measured = ImageResult("", 0.0, cycles=[])
    board.show([row], measured, estimate())
    return ["123,456,789", "above", "likely/measured"]


def show_boards() -> list[str]:
    known_boards.show(known_boards.record())
    return ["stm32n657", "bundled,"]


def show_a_board(name: str) -> list[str]:
    known_boards.show_one(facts.of(boards.find(name)), known_boards.record().get(name))
    return ["address"]


def show_compare() -> list[str]:
    long = "backbone.blocks." + "x" * 100
    sums = {"macs": 1e9, "cycles": 123_456_789.0}
    before = compare.Build("/tmp/" + "a" * 90, sums, {long: {"cycles": 123_456_789.0}})
    compare.show(before, compare.Build("after", sums, {long: {"cycles": 223_456_789.0}}), 9)
    return ["padded MACs", "+81.0"]


def show_profile() -> list[str]:
    found = layers(metadata_of("int8"))
    console.paragraph(profile.bound_in_words(found))
    return ["instructions are not cycles."]


def show_finetune() -> list[str]:
    shares = {"float": 0.971, "int8": 0.965}
    measure.show([measure.Row("own, held out", 20, shares, shares), measure.Row("drawn lines", 100, shares, shares)])
    return ["97.1%", "96.5%", "own, held out"]


def show_cycles() -> list[str]:
    cycles.show(layers(metadata_of("int8")), estimate(), 400)
    return ["one inference"]


def show_doctor() -> list[str]:
    advice = (
        "install it with your system's packages, such as apt-get install gcc-arm-none-eabi, or name another by --fvp"
    )
    console.table("", ("", "what", "found", "what to do"), [("missing", "a compiler for the firmware", "", advice)])
    return ["missing", "gcc-arm-none-eabi,"]


def show_figures(columns: tuple[str, ...]) -> list[str]:
    cells = ["svtr 0 qkv · matmul 2", *(f"{10**8 + place:,}" for place in range(len(columns) - 1))]
    console.table("a title", columns, [cells], right=columns[1:])
    return cells


@pytest.mark.parametrize(
    "show",
    [
        show_verify,
        show_eval,
        show_quantization,
        show_compile,
        show_board,
        show_boards,
        *(partial(show_a_board, each.name) for each in facts.known()),
        show_compare,
        show_profile,
        show_finetune,
        show_cycles,
        show_doctor,
        lambda: show_figures(tuple(profile.COLUMNS)),
        lambda: show_figures(tuple(cycles.COLUMNS)),
        lambda: show_figures(tuple(widths.COLUMNS)),
        lambda: show_figures(("layer", "padded MACs", "m55", "CMSIS-NN", "m55/MAC", "CMSIS-NN/MAC", "m55 / CMSIS-NN")),
    ],
)
def test_tables_of_commands_at_80_columns(show, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    wanted = show()
    printed = capsys.readouterr().out
    assert all(cell_len(line) <= 80 for line in printed.splitlines())
    assert "…" not in printed
    lines = printed.splitlines()
    assert [word for text in wanted for word in text.split() if not any(word in line for line in lines)] == []
    numbers = [text for text in wanted if re.fullmatch(r"[0-9.,%]+", text)]
    assert all(re.search(rf"(?<!\S){re.escape(number)}(?!\S)", printed) for number in numbers), "no number is broken"
