"""Operators that run in stripes of rows, so that the tensors between them are never there whole.

In each stripe, an operator computes the rows of its output that were not computed before. A tensor between two such
operators has a window of rows in the arena. The last rows of a window that the next stripe reads again are kept aside
and put in front of its new rows: no row is computed twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ocrm55.compiler.operators.float32 import Spec

Rows = tuple[int, int]  # the first row, and the one behind the last


@dataclass(frozen=True)
class Piece:
    """One stripe of an operator: `rows` of its output. reads: the rows of each input that is no weight; None for all.

    spec: of an image that has only these rows.
    """

    spec: Spec
    rows: Rows
    reads: tuple[Rows | None, ...]


@dataclass(frozen=True)
class Window:
    """A tensor of which only some rows are there. rows: those in the arena, by stripe. row_bytes: of one row."""

    rows: tuple[Rows, ...]
    row_bytes: int

    @property
    def bytes(self) -> int:
        """Of the most rows that are there at once."""
        return max(end - first for first, end in self.rows) * self.row_bytes

    def kept(self, stripe: int) -> int:
        """The number of rows of a stripe that the next stripe reads again: its last ones."""
        if stripe + 1 >= len(self.rows) or stripe < 0:
            return 0
        return max(0, self.rows[stripe][1] - self.rows[stripe + 1][0])

    @property
    def kept_bytes(self) -> int:
        """Of the most rows that are kept from one stripe to the next."""
        return max(self.kept(stripe) for stripe in range(len(self.rows))) * self.row_bytes

    def fresh(self, stripe: int) -> Rows:
        """The rows that come new in a stripe; none where the first is not below the second."""
        first, end = self.rows[stripe]
        return max(first, self.rows[stripe - 1][1] if stripe else 0), end

    def place(self, row: int, stripe: int) -> int:
        """The place of a row of the tensor among the rows that are there."""
        return row - self.rows[stripe][0]


@dataclass
class Segment:
    """Operators that follow each other in a program and run together, stripe by stripe.

    outputs: the names of what they write, in their order. pieces: of each operator by its output, one a stripe; None
    where it has nothing to compute. heights: rows of the tensors that it goes by. windows: of those that are not there
    whole. input: the window whose rows are the picture's, empty for none. Tensors are those that own bytes.
    """

    stripes: int
    outputs: list[str]
    pieces: dict[str, list[Piece | None]]
    heights: dict[str, int]
    windows: dict[str, Window] = field(default_factory=dict)
    input: str = ""

    def written(self, output: str, stripe: int) -> int:
        """The rows of its output that an operator has computed after a stripe."""
        ends = [piece.rows[1] for piece in self.pieces[output][: stripe + 1] if piece is not None]
        return max(ends, default=0)

    def variants(self, output: str) -> list[Spec]:
        """The different specs of an operator's pieces, in the order of their first use."""
        return list(dict.fromkeys(piece.spec for piece in self.pieces[output] if piece is not None))

    @property
    def macs(self) -> int:
        """Of all pieces."""
        return sum(piece.spec.macs for pieces in self.pieces.values() for piece in pieces if piece is not None)

    @property
    def copied_bytes(self) -> int:
        """Bytes that are moved to keep rows: aside and back."""
        return sum(2 * w.kept(k) * w.row_bytes for w in self.windows.values() for k in range(self.stripes))

    @property
    def calls(self) -> int:
        """The number of calls of kernels."""
        return sum(piece is not None for pieces in self.pieces.values() for piece in pieces)


def kept_name(window: str) -> str:
    """The name under which the rows that a window keeps have a place in the arena; no tensor's name has a colon."""
    return f"{window}:kept"


def find(segments: Sequence[Segment], output: str) -> Segment | None:
    """The segment of the operator that writes a tensor, None for one that runs once."""
    return next((segment for segment in segments if output in segment.pieces), None)
