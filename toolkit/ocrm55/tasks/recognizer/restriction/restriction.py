"""What a user asks of texts, as tables for one model: a mask of characters, an automaton, a kind of check digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ocrm55.errors import InputError
from ocrm55.restriction import UNRESTRICTED, Restriction
from ocrm55.tasks.recognizer.restriction import check_digits, lexicon, patterns
from ocrm55.tasks.recognizer.restriction.automaton import Automaton, NothingError

STEPS = 96  # the most steps of an output, as in restricted.h


@dataclass(frozen=True, eq=False)
class Tables:
    """allowed: bool [classes], the classes that a text may have. automaton: None for any text of them.

    check: the kind of check digit, empty for none; values: uint8 [classes], of its characters.
    asked: what the user wrote, for metadata.json.
    """

    allowed: np.ndarray
    automaton: Automaton | None = None
    check: str = ""
    values: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    asked: dict[str, Any] = field(default_factory=dict)

    @property
    def only_characters(self) -> bool:
        """Whether nothing but characters is restricted, so that context may still weigh texts."""
        return self.automaton is None and not self.check

    def fits(self, classes: Sequence[int]) -> bool:
        """Whether a text, as classes, may be said."""
        state = 0
        for index in classes if self.check else ():
            state = check_digits.follow(self.check, state, int(self.values[index]))
            if state == check_digits.REJECTS:
                return False
        return (
            all(self.allowed[index] for index in classes)
            and (self.automaton is None or self.automaton.accepts(classes))
            and (not self.check or check_digits.accepts(self.check, state))
        )


def tables_of(asked: Restriction, charset: Sequence[str], steps: int) -> Tables | None:
    """As `compile_restriction`; None where nothing is asked for."""
    return None if asked == UNRESTRICTED else compile_restriction(asked, tuple(charset), steps)


def check_words(asked: Restriction, charset: Sequence[str]) -> None:
    """Raise InputError for a pattern, characters or a lexicon that cannot be read: what takes no time to see."""
    _allowed(asked.allow, tuple(charset))
    _check_kind(asked.check_digits)
    if asked.pattern:
        patterns.check_pattern(asked.pattern, charset)
    if asked.lexicon is not None:
        lexicon.classes_of(lexicon.read(asked.lexicon), charset, STEPS)


def _check_kind(check: str) -> None:
    if check and check not in check_digits.KINDS:
        raise InputError(f"`{check[:40]}` is no kind of check digit.", [f"use one of: {', '.join(check_digits.KINDS)}"])


@lru_cache(maxsize=8)
def compile_restriction(asked: Restriction, charset: tuple[str, ...], steps: int) -> Tables:
    """The tables for a model. charset: of its classes, the blank first. steps: of its output.

    Raises InputError, with one sentence, for what cannot be read, asks for too much, or fits no text.
    """
    if steps > STEPS:
        raise InputError(
            f"texts are restricted over {STEPS} steps at most, and the model has {steps}.", ["a narrower --width"]
        )
    allowed = _allowed(asked.allow, charset)
    automaton = patterns.compile_pattern(asked.pattern, charset, steps) if asked.pattern else None
    words = 0
    if asked.lexicon is not None:
        listed = lexicon.classes_of(lexicon.read(asked.lexicon), charset, steps)
        kept = [w for w in listed if allowed[list(w)].all() and (automaton is None or automaton.accepts(w))]
        if not kept:
            raise NothingError(f"no word of {asked.lexicon} fits what else is asked for.", ["other words"])
        automaton, words = lexicon.compile_words(kept), len(kept)
    elif automaton is not None:
        automaton = automaton.within(allowed, steps)
    if automaton is not None:
        used = np.zeros(len(charset), bool)
        used[automaton.classes] = True
        allowed = allowed & used
    check = asked.check_digits
    _check_kind(check)
    values = check_digits.values(check, charset) if check else np.zeros(0, np.uint8)
    if check:
        allowed = allowed & (values != check_digits.NOT_IN_IT)
        if not allowed.any():
            raise NothingError("no character that is allowed has a place beside the check digit.", ["another --allow"])
    named = {"allow": asked.allow, "pattern": asked.pattern, "check_digits": check}
    listed_in = {"lexicon": asked.lexicon.name, "words": str(words)} if asked.lexicon is not None else {}
    return Tables(allowed, automaton, check, values, {k: v for k, v in named.items() if v} | listed_in)


def _allowed(text: str, charset: Sequence[str]) -> np.ndarray:
    """The classes of the characters that --allow names: bool [classes]; all for an empty text."""
    allowed = np.ones(len(charset), bool)
    allowed[0] = False
    if not text:
        return allowed
    wanted: set[str] = set()
    at = 0
    while at < len(text):
        at += text[at] == "\\" and at + 1 < len(text)
        low, at = text[at], at + 1
        if text[at : at + 1] == "-" and at + 1 < len(text):
            high, at = text[at + 1], at + 2
            if high < low:
                raise InputError(f"`{low}-{high}` in --allow goes backwards.", [f"--allow '{high}-{low}'"])
            wanted |= {c for c in charset if len(c) == 1 and low <= c <= high}
        elif low not in charset:
            raise InputError(f"--allow names `{low}`, which the model does not read.", ["leave it out"])
        else:
            wanted.add(low)
    allowed &= np.array([c in wanted for c in charset])
    if not allowed.any():
        raise NothingError("--allow names no character that the model reads.", ["--allow '0-9A-Z'"])
    return allowed
