"""Check digits, against numbers that their makers publish and sums written out."""

import random

import pytest

from ocrm55.tasks.recognizer.restriction.check_digits import KINDS, right

PUBLISHED = {
    "luhn": ["4111 1111 1111 1111", "79927398713", "378282246310005", "18"],
    "ean": ["4006381333931", "96385074", "036000291452", "9780306406157", "10614141543219"],
    "iban": [
        "GB82WEST12345698765432",
        "DE89 3704 0044 0532 0130 00",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
    ],
    "vin": ["1M8GDM9AXKP042788", "11111111111111111", "5GZCZ43D13S812715"],
    "iso6346": ["CSQU3054383", "CSQU 305438 3", "MSKU0383250", "TOLU4734787"],
    "mrz": ["L898902C36", "7408122", "1204159", "ZE184226B<<<<<1"],
}


@pytest.mark.parametrize("kind", KINDS)
def test_published_numbers_are_right_and_one_digit_off_are_wrong(kind: str) -> None:
    rng = random.Random(1)
    for text in PUBLISHED[kind]:
        assert right(kind, text), text
        for place, character in enumerate(text):
            if character.isdigit():
                wrong = text[:place] + str((int(character) + rng.randint(1, 9)) % 10) + text[place + 1 :]
                # Weights of 10 mod 11 mod 10, and mod 11 without X, let a few pass; the others none.
                assert not right(kind, wrong) or kind == "iso6346", wrong


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("luhn", "0"),
        ("luhn", ""),
        ("luhn", "4111a"),
        ("ean", "12345670123"),
        ("ean", "0000000000000000"),
        ("iban", "GB82"),
        ("iban", "8GB2WEST12345698765432"),
        ("iban", "gb82west12345698765432"),
        ("vin", "1M8GDM9AXKP04278"),
        ("vin", "1M8GDM9AXKP0427880"),
        ("vin", "IOQGDM9AXKP042788"),
        ("iso6346", "CSQU305438"),
        ("iso6346", "CSQU30543833"),
        ("mrz", "L898902C3<"),
        ("mrz", "7"),
    ],
)
def test_what_is_no_such_number(kind: str, text: str) -> None:
    assert not right(kind, text)


def test_iban_against_python_s_integers() -> None:
    rng = random.Random(2)
    for _ in range(300):
        body = "".join(rng.choice("0123456789ABCXYZ") for _ in range(rng.randint(11, 30)))
        text = f"DE{rng.randrange(100):02d}{body}"
        number = int("".join(str(int(c, 36)) for c in text[4:] + text[:4]))
        assert right("iban", text) == (number % 97 == 1)
