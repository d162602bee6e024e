"""Fuzzer of what says which texts are possible, and of the labels of pages.

The first byte chooses the reader, the rest is the text or the file.
"""

from collections.abc import Iterator

from tests.fuzz.one_sentence import attempt, fuzz, scratch

MODULES = [
    "ocrm55.tasks.recognizer.restriction.automaton",
    "ocrm55.tasks.recognizer.restriction.lexicon",
    "ocrm55.tasks.recognizer.restriction.patterns",
    "ocrm55.tasks.recognizer.restriction.restriction",
    "ocrm55.evaluation.page_labels",
]
_FILE = scratch() / "file.txt"
_CHARSET = ("", *"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcxyz-./+\u00e9\u4e2d ")
STEPS = 40


def _compiled(**asked: object) -> None:
    from ocrm55.restriction import Restriction
    from ocrm55.tasks.recognizer.restriction.restriction import compile_restriction

    compile_restriction.cache_clear()
    tables = compile_restriction(Restriction(**asked), _CHARSET, STEPS)  # type: ignore[arg-type]
    assert tables.allowed.shape == (len(_CHARSET),)


def _pattern() -> None:
    _compiled(pattern=_FILE.read_bytes().decode(errors="replace"))


def _allow() -> None:
    _compiled(allow=_FILE.read_bytes().decode(errors="replace"))


def _lexicon() -> None:
    _compiled(lexicon=_FILE)


def _check_digits() -> None:
    _compiled(check_digits=_FILE.read_bytes().decode(errors="replace"))


def _labels() -> None:
    from ocrm55.evaluation import page_labels

    assert all(line.corners.shape == (4, 2) for line in page_labels.load_boxes(_FILE))


READERS = (_pattern, _allow, _lexicon, _check_digits, _labels)


def one_input(data: bytes) -> None:
    if data:
        _FILE.write_bytes(data[1:])
        attempt(READERS[data[0] % len(READERS)])


def seeds() -> Iterator[bytes]:
    for pattern in (
        b"[A-Z]{2}[0-9]{6}", b"(ab|c)*d?", b"\\d{1,3}(\\.\\d{2})?", b"((a{9}){9}){9}", b"[^a-z]+", b"(((((",
        b"a{99999}", b"[", b"a**", b"\\", b"\x1b]0;x\x07", b"a\nerror: b", b".{0,40}", b"(a?){30}a{30}",
    ):  # fmt: skip
        yield b"\0" + pattern
    yield from (b"\1" + text for text in (b"0-9A-Z", b"z-a", b"-", b"a\nb", b"\xff", "0-\u4e2d".encode()))
    yield from (
        b"\2" + text for text in (b"AB\nCD\r\n\nABC", b"\n\n", b"\xff\xfe", b"A" * 300, b"A\x1b[2J\nB", b"a\0b")
    )
    yield from (b"\3" + text for text in (b"luhn", b"iban", b"ean", b"x\ny", b"\x1b[2J"))
    yield b"\4" + b"\t".join([b"0", b"0", b"9", b"0", b"9", b"9", b"0", b"9", b"a text\twith tabs"])
    yield b"\4" + b"nan\tinf\t1e400\t-1\t0\t0\t0\t0\tx\n\xef\xbb\xbf"


if __name__ == "__main__":
    fuzz(one_input, MODULES)
