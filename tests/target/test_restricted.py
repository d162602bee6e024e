"""The firmware says what fits, as the host does, and where nothing fits, what it saw."""

from pathlib import Path

import pytest

from ocrm55.firmware import build
from ocrm55.restriction import Restriction
from ocrm55.simulators import Request, Run, find_simulator
from ocrm55.tasks.recognizer import decoding
from ocrm55.tasks.recognizer.headers import recognizer_source, restriction_header
from ocrm55.tasks.recognizer.restriction.restriction import compile_restriction
from tests.target import fake_artifact as fake
from tests.target.test_decoding import SAID, TORN

pytestmark = pytest.mark.qemu


def read(folder: Path, asked: Restriction, texts: list[str]) -> Run:
    """The hand-made model says of every / that it may be a 1, nearly as likely."""
    tables = compile_restriction(asked, tuple(fake.LABELS), fake.STEPS)
    artifact = fake.write(folder / "artifact")
    model = artifact / "src" / "model.c"
    model.write_text(model.read_text().replace(SAID, TORN))
    text = recognizer_source(fake.NETWORK.prefix, in_context=False, tables=tables)
    (artifact / "src" / "recognizer.c").write_text(text)
    (artifact / "include" / "restriction_tables.h").write_text(restriction_header(tables, in_context=False))
    elf = build(artifact, folder / "firmware").elf
    images = [fake.image(frames=fake.text_frames(each, 32768)) for each in texts]
    run = find_simulator("qemu").run(Request(elf, images, timeout_s=30, want_probabilities=True, row=97, stats=True))
    assert run.probabilities is not None
    for said, probabilities in zip(run.results, run.probabilities, strict=True):
        host = decoding.decode(probabilities, fake.LABELS, "greedy", tables)
        assert (said.text, said.score) == (host.text, round(host.score, 6))
        seen = host.seen and (host.seen.text, round(host.seen.score, 6))
        assert said.seen == seen
    return run


def test_what_fits_and_what_does_not(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("7%\n17%\n", encoding="utf-8")
    texts = ["/7%", "7%", "77", "%7"]
    asked = {
        "allow": (Restriction(allow="0-9%"), ["17%", "7%", "77", "%7"]),
        "pattern": (Restriction(pattern=r"/?\d%?"), ["/7%", "7%", "", ""]),
        "lexicon": (Restriction(lexicon=tmp_path / "words.txt"), ["17%", "7%", "", ""]),
        "both": (Restriction(pattern=r"[\d/]*", check_digits="luhn"), ["", "", "", ""]),
    }
    for name, (restriction, wanted) in asked.items():
        run = read(tmp_path / name, restriction, texts)
        assert [result.text for result in run.results] == wanted, name
        assert [result.seen is None for result in run.results] == [bool(text) for text in wanted]
        assert run.stack_bytes is not None and run.stack_bytes < 24_000


def test_a_check_digit_decides(tmp_path: Path) -> None:
    run = read(tmp_path, Restriction(check_digits="luhn"), ["/8", "79927398713", "79927398710"])
    assert [result.text for result in run.results] == ["18", "79927398713", ""]
    assert run.results[2].seen == ("79927398710", 0.5)
