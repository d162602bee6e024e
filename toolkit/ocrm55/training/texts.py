"""Random texts to write into synthetic images: words, numbers, dates, prices, codes, and all printable characters."""

from __future__ import annotations

import random
import re
import string
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

CODE_LETTERS, CODE_SEPARATORS = string.ascii_uppercase + string.digits, "-./_"
PRINTABLE = string.digits + string.ascii_letters + string.punctuation  # 94 characters; the space is the 95th

# Signs use few words; a dictionary's rare words teach little about them.
SIGN_WORDS = (
    "EXIT SALE OPEN CLOSED STOP PUSH PULL ENTRANCE TOILET PARKING CAFE COFFEE BANK HOTEL TAXI BUS MRT STATION "
    "CENTRE CENTER STREET ROAD AVENUE FLOOR LEVEL LIFT STAIRS PRIVATE DANGER WARNING CAUTION KEEP CLEAR NO "
    "SMOKING FIRE HOSE REEL EMERGENCY SHOP STORE MARKET FOOD COURT RESTAURANT BAR GRILL FRESH HOT COLD NEW FREE "
    "OFF UP TO ONLY THE AND OF FOR WITH YOUR OUR FROM BY AT IN ON IS IT WE YOU ALL DAY NIGHT TIME HOURS MON TUE "
    "WED THU FRI SAT SUN AM PM TEL FAX WWW COM HTTP MEMBERS DISCOUNT SPECIAL OFFER BUY GET ONE TWO GIFT CARD CASH "
    "VISA PHONE MOBILE DIGITAL CAMERA FASHION SHOES WATCH JEWELLERY BEAUTY HAIR SPA HEALTH CARE PHARMACY CLINIC "
    "DENTAL SCHOOL BOOKS TOYS KIDS BABY MEN WOMEN LADIES SPORTS MUSIC MOVIE CINEMA TICKETS INFORMATION SERVICE "
    "CUSTOMER STAFF AUTHORISED PERSONNEL BEWARE DRIVE THROUGH LEFT RIGHT NORTH SOUTH EAST WEST EXPRESS WAY PLAZA "
    "TOWER BUILDING HOUSE HOME GARDEN PARK CITY LAND WORLD INTERNATIONAL LIMITED COMPANY GROUP PTE LTD SINGAPORE "
    "ORCHARD MALL CARPARK SEASON HEIGHT LIMIT SPEED ZONE "
).split()
# A short stand-in for machines without a word list.
COMMON_WORDS = (
    "a about after all also an and any as at back be because but by can come could day do even first for from get give "
    "go good have he her him his how I if in into it its just know like look make me most my new no not now of on one "
    "only or other our out over people say see she so some take than that the their them then there these they think "
    "this time to two up us use want way we well what when which who will with work would year you your"
).split()
CONTRACTIONS = "don't can't won't isn't didn't I'm I'll I've it's that's let's we'll we're they're o'clock".split()
WORD_LISTS = (Path("/usr/share/dict/american-english"), Path("/usr/share/dict/words"))

# Shapes that are similar, and in small or turned print nearly the same.
LIKE_SHAPES = (
    "0OoQDC", "1lI|!i/\\", "2Zz7?", "5Ss$", "8B3&6", "'`\"^,", ".,:;", "-_~=+", "vyVYU", "({[<", ")}]>", "cCeoG",
    "kKxX*%", "wWvVmMrn", "uUoOaeA", "pPqgy9", "tTfjJ", "hbnNH", "dDaOQ", "4A@#", "EFLHM", "RPKX",
)  # fmt: skip

NUMBER_PATTERNS = (
    "{big}", "{big}", "{n}.{nn:02d}", "${n}.{nn:02d}", "{day:02d}/{month:02d}/{year}", "{year}-{month:02d}-{day:02d}",
    "{hour:02d}:{nn:02d}", "{hour}.{nn:02d}pm", "{nn}%", "+{big}", "#{n}", "{n},{n3:03d}", "x{day}", "({n})", "{year}",
    "#{month:02d}-{nn:02d}", "${n}", "{n3:03d}-{n3:03d}", "Tel:{big}", "@{n}", "{day}th", "-{nn}%", "{nn}&{day}",
)  # fmt: skip


@cache
def dictionary() -> tuple[str, ...]:
    """The machine's English word list without possessives and accented words; a short list if the machine has none."""
    for path in WORD_LISTS:
        if path.is_file():
            found = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
            return tuple(text for text in found if text.isascii() and text.isalpha())
    return tuple(COMMON_WORDS)


@cache
def doubled() -> tuple[str, ...]:
    """The words of the dictionary with a doubled letter.

    CTC needs a blank between two equal characters. Narrow print leaves hardly an output step for it, so doubled letters
    are learned last.
    """
    return tuple(word for word in dictionary() if any(a == b for a, b in pairwise(word.lower()))) or dictionary()


def word(rng: random.Random) -> str:
    """A word of the dictionary, one in two with a doubled letter."""
    return rng.choice(doubled() if rng.random() < 0.35 else dictionary())


def stutter(rng: random.Random, text: str) -> str:
    """The text with some characters replaced by the character before them. Spaces stay single, because nobody can count
    the spaces of a gap.
    """
    chars = list(text)
    for index in range(1, len(chars)):
        if rng.random() < 0.15 and chars[index - 1] != " ":
            chars[index] = chars[index - 1]
    return "".join(chars)


def recase(rng: random.Random, text: str, upper: float, capital: float) -> str:
    """The text in capitals, with a capital letter, or as it was, by the two probabilities."""
    dice = rng.random()
    if dice < upper:
        return text.upper()
    return text.capitalize() if dice < upper + capital else text


def number(rng: random.Random) -> str:
    """A number, price, date, time or the like."""
    return rng.choice(NUMBER_PATTERNS).format(
        big=rng.randint(0, 10 ** rng.randint(1, 9)),
        n=rng.randint(0, 999),
        nn=rng.randint(0, 59),
        n3=rng.randint(0, 999),
        day=rng.randint(1, 31),
        month=rng.randint(1, 12),
        hour=rng.randint(0, 23),
        year=rng.randint(1950, 2035),
    )


def code(rng: random.Random, length: int) -> str:
    """Capitals and digits with a few separators, like a serial number."""
    return "".join(rng.choice(CODE_LETTERS if rng.random() < 0.8 else CODE_SEPARATORS) for _ in range(length))


def stuttered_number(rng: random.Random) -> str:
    """A number, its digits repeated now and then."""
    text = number(rng)
    return re.sub(r"\d{2,}", lambda digits: stutter(rng, digits.group()), text) if rng.random() < 0.45 else text


def stuttered_code(rng: random.Random, length: int) -> str:
    """A code of `length` characters, some repeated now and then."""
    text = code(rng, length)
    return stutter(rng, text) if rng.random() < 0.45 else text


def anything(rng: random.Random, length: int) -> str:
    """Any of the 94 printable characters, sometimes with a space inside."""
    text = "".join(rng.choice(PRINTABLE) for _ in range(length))
    if length > 4 and rng.random() < 0.3:
        place = rng.randint(1, length - 2)
        text = text[:place] + " " + text[place + 1 :]
    return text


def words(rng: random.Random, longest: int) -> str:
    """One or several dictionary words, some with punctuation, at most `longest` characters."""
    text = ""
    while True:
        # Short words leave room for more spaces, the narrowest of all characters.
        added = rng.choice(COMMON_WORDS) if rng.random() < 0.2 else word(rng)
        # Many fonts push the apostrophe into the letter before it. It is overlooked there unless often seen.
        dice = rng.random()
        added = f"{added}'s" if dice < 0.12 else rng.choice(CONTRACTIONS) if dice < 0.15 else added
        added = recase(rng, added, 0.25, 0.25)
        if rng.random() < 0.15:
            added += rng.choice(",.;:!?")
        if text and len(text) + 1 + len(added) > longest:
            break
        text = f"{text} {added}" if text else added
        if rng.random() < 0.35:
            break
    return text


def line(rng: random.Random, longest: int) -> str:
    """One line of print, 1 to `longest` characters: 45 % words, 20 % numbers, 15 % codes, 20 % anything."""
    length, dice = rng.randint(1, longest), rng.random()
    if dice < 0.45:
        text = words(rng, longest)
    elif dice < 0.65:
        text = stuttered_number(rng)
    elif dice < 0.80:
        text = stuttered_code(rng, length)
    else:
        text = anything(rng, length)
        text = stutter(rng, text) if rng.random() < 0.3 else text
    return text[:longest].strip() or rng.choice(string.digits)


def tricky(rng: random.Random, length: int) -> str:
    """Characters that readers confuse: two or three groups of similar shapes, repeated characters, odd spaces, and
    apostrophes pushed into the letter before, which are overlooked.
    """
    if rng.random() < 0.15:
        text = recase(rng, f"{word(rng)}'s {word(rng)}'s", 0.1, 0.3)
        return text if len(text) <= length else text.split()[0][:length]
    letters = "".join(rng.sample(LIKE_SHAPES, rng.randint(2, 3)))
    text = "".join(rng.choice(letters if rng.random() < 0.7 else PRINTABLE) for _ in range(length))
    if length > 3 and rng.random() < 0.3:
        place = rng.randint(1, length - 2)
        text = f"{text[:place]} {text[place + 1 :]}"
    return (stutter(rng, text) if rng.random() < 0.5 else text).strip() or rng.choice(string.digits)


def full_line(rng: random.Random, longest: int) -> str:
    """A long line of several words, numbers or codes: more than half of `longest` characters."""
    text = line(rng, longest)
    while len(text) <= longest // 2:
        text = f"{text} {line(rng, longest - len(text) - 1)}"
    return text


def sign(rng: random.Random, longest: int, vocabulary: Sequence[str] = ()) -> str:
    """One word as on a sign or a shop front, mostly capitals, 1 to `longest` characters.

    vocabulary: words of a labelled set; half of the words are then drawn from it.
    """
    dice = rng.random()
    if dice < 0.72:
        if vocabulary and rng.random() < 0.5:
            seen = rng.choice(vocabulary)
            text = seen if rng.random() < 0.5 else recase(rng, seen.lower(), 0.5, 0.3)
        else:
            drawn = rng.choice(SIGN_WORDS).lower() if rng.random() < 0.3 else word(rng)
            text = recase(rng, drawn, 0.5, 0.25)
        if rng.random() < 0.08:
            text += rng.choice(".,:!?'-&)/") if rng.random() < 0.8 else "'s"
        elif rng.random() < 0.02:
            text = f"({text})" if rng.random() < 0.5 else f'"{text}"'
    elif dice < 0.86:
        text = number(rng)
    elif dice < 0.93:
        text = code(rng, rng.randint(1, 6))
    elif dice < 0.97:
        text = "".join(rng.choice(string.ascii_letters) for _ in range(rng.randint(1, 6)))
    else:
        text = anything(rng, rng.randint(1, 5))
    return text[:longest].strip() or rng.choice(string.ascii_uppercase)
