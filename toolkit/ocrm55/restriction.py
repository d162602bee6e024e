"""What a user asks of the texts that a recognizer may say."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Restriction:
    """What texts may be said; empty for any.

    allow: characters and ranges of them. pattern: of the whole text. lexicon: a file with the words, one a line.
    check_digits: the kind of check digit.
    """

    allow: str = ""
    pattern: str = ""
    lexicon: Path | None = None
    check_digits: str = ""

    @property
    def tag(self) -> str:
        """A short name that no other restriction has."""
        digest = hashlib.sha256(repr((self.allow, self.pattern, self.check_digits)).encode()).hexdigest()[:8]
        return "-".join(["fits", digest, *([self.lexicon.name] if self.lexicon else [])])

    @property
    def values(self) -> str:
        """What decides the C, as text, without the words: the contents of their file count."""
        return repr((self.allow, self.pattern, self.check_digits))


UNRESTRICTED = Restriction()
