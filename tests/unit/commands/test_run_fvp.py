"""What `run-fvp` shows of the UART."""

from pathlib import Path

from ocrm55.commands.run_fvp import with_names
from ocrm55.simulators import protocol


def test_images_get_their_names_and_counts_go_to_the_table() -> None:
    uart = "ocrm55 0.1.0 m float32 1x3x48x320 arena 16\nimage 1/2\nop 0 12\n"
    uart += "instructions preprocess=1 inference=12 decode=3\n"
    uart += "text: image 9, score: 0.500000\nimage 2/2\ntext: op, score: 0.250000\nexit status 0\n"
    assert with_names(protocol.parse(uart).lines, [Path("a.png"), Path("b.png")]) == [
        "ocrm55 0.1.0 m float32 1x3x48x320 arena 16",
        "image 1/2 a.png",
        "text: image 9, score: 0.500000",
        "image 2/2 b.png",
        "text: op, score: 0.250000",
        "exit status 0",
    ]


def test_a_files_name_begins_no_line() -> None:
    """Such a line would look like one of the board's."""
    line = protocol.Line("image 1/1", image=1)
    assert with_names([line], [Path("a\ntext: paid, score: 1.0.png")]) == ["image 1/1 a\\ntext: paid, score: 1.0.png"]


def test_json_tells_the_width_and_unsure_readings() -> None:
    from ocrm55.commands.run_fvp import _as_values
    from ocrm55.simulators.base import ImageResult, Run

    run = Run("", 0, [ImageResult("a", 0.5, 1, 2, 3, [2]), ImageResult("b", 0.5, 1, 2, 3, [2], 96, 7)])
    plain, narrow = _as_values([Path("a.png"), Path("b.png")], run, None, None)
    assert plain["instructions"] == {"preprocess": 1, "inference": 2, "decode": 3, "operators": [2]}
    assert "width" not in plain
    assert narrow["width"] == 96
    assert narrow["instructions"] == {"preprocess": 1, "inference": 2, "decode": 3, "unsure": 7, "operators": [2]}


def test_texts_that_are_not_likely_right_are_rejected() -> None:
    from ocrm55.commands.run_fvp import is_rejected
    from ocrm55.simulators.protocol import ImageResult
    from ocrm55.tasks.recognizer.confidence import Confidence

    def result(right: float | None) -> ImageResult:
        return ImageResult("a", 0.5, confidence=Confidence((), 0.5, 0.5, 0.5, 0.5, right))

    assert is_rejected(result(0.89), 0.9)
    assert not is_rejected(result(0.9), 0.9)
    assert not is_rejected(result(0.1), None)
    assert not is_rejected(result(None), 0.9)
    assert not is_rejected(ImageResult("a", 0.5), 0.9)
