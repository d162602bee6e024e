"""The firmware decodes in context where that was compiled, as the host does it, and each step by itself where not."""

from pathlib import Path

import numpy as np
import pytest

from ocrm55.firmware import build
from ocrm55.simulators import Request, find_simulator
from ocrm55.tasks.recognizer import context, ctc
from ocrm55.tasks.recognizer.headers import context_header, recognizer_source
from tests.target import fake_artifact as fake

pytestmark = pytest.mark.qemu

# The hand-made model says of every / that it may be a 1, nearly as likely.
SAID = "output[step * OCRM55_OUTPUT_CLASSES + pixel[0]] ="
SLASH, ONE = fake.LABELS.index("/"), fake.LABELS.index("1")
TORN = f"if (pixel[0] == {SLASH}) output[step * OCRM55_OUTPUT_CLASSES + {ONE}] = 0.4375f;\n        {SAID}"


def read(folder: Path, decoder: str) -> tuple[str, float]:
    artifact = fake.write(folder / "artifact")
    model = artifact / "src" / "model.c"
    model.write_text(model.read_text().replace(SAID, TORN))
    if decoder == "context":
        (artifact / "src" / "recognizer.c").write_text(recognizer_source(fake.NETWORK.prefix, in_context=True))
        (artifact / "include" / "context_tables.h").write_text(context_header(fake.LABELS))
    elf = build(artifact, folder / "firmware").elf
    image = fake.image(frames=fake.text_frames("/7%", 32768))
    request = Request(elf, [image], timeout_s=30, want_probabilities=True, row=97)
    run = find_simulator("qemu").run(request)
    assert run.probabilities is not None
    decode = context.decode if decoder == "context" else ctc.decode
    host = decode(np.asarray(run.probabilities[0]), fake.LABELS)
    assert (run.results[0].text, run.results[0].score) == (host.text, round(host.score, 6))
    return run.results[0].text, run.results[0].score


def test_in_context(tmp_path: Path) -> None:
    assert read(tmp_path, "context") == ("17%", round((0.4375 + 0.5 + 0.5) / 3, 6))


def test_greedily(tmp_path: Path) -> None:
    assert read(tmp_path, "greedy") == ("/7%", 0.5)
