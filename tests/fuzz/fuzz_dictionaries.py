"""Fuzzer of `inference.yml` and of dictionaries: YAML as texts, the settings of a recognizer, and a label a line.

The first byte chooses the reader, the rest is the file.
"""

from collections.abc import Iterator
from pathlib import Path

from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = ["ocrm55.plain_yaml", "ocrm55.plain_text", "ocrm55.tasks.recognizer.model", "ocrm55.export.paddle_folder"]
_PLACE = scratch()
_MODEL = Path(__file__).parents[2] / "models" / "en_ppocrv3_rec"


def _yaml() -> None:
    from ocrm55 import plain_yaml

    plain_yaml.load(_PLACE / "inference.yml")


def _settings() -> None:
    from ocrm55 import plain_text
    from ocrm55.tasks.recognizer.model import RecognizerFolder

    folder = RecognizerFolder(_PLACE)
    assert folder.charset[0] == "" and not any(map(plain_text.first_unshown, folder.charset[1:]))
    assert all(size > 0 for size in folder.input_shape)


def _dictionary() -> None:
    from ocrm55.tasks.recognizer.charset import load_dictionary

    load_dictionary(_PLACE / "inference.yml")


def _labels() -> None:
    from ocrm55.tvmc import headers

    assert "\n" not in "".join(headers.read_labels(_PLACE / "inference.yml"))


READERS = (_yaml, _settings, _dictionary, _labels)


def one_input(data: bytes) -> None:
    if not data:
        return
    for file in _MODEL.iterdir():
        if file.suffix != ".yml" and not (_PLACE / file.name).exists():
            (_PLACE / file.name).symlink_to(file)
    (_PLACE / "inference.yml").write_bytes(data[1:])
    attempt(READERS[data[0] % len(READERS)])


def seeds() -> Iterator[bytes]:
    settings = (_MODEL / "inference.yml").read_bytes()
    texts = [settings, settings.replace(b"NormalizeImage", b"X"), b"a: &a [x, x]\nb: [*a, *a]\n", b"- ~\n- =\n- 1e3\n"]
    texts += [
        b"a: !!python/object:os.system x\n",
        b"a: {<<: {b: c}}\n",
        b"[" * 200,
        b"a\n\xe4\xb8\x80\n  \n",
        b"---\n...\n",
    ]
    for number in range(len(READERS)):
        for text in texts:
            yield bytes([number]) + text[:8000]


if __name__ == "__main__":
    fuzz(one_input, MODULES)
