"""Programs that serve several widths of input: the cost of each width, and the program's metadata at one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocrm55.report import figures
from ocrm55.report.layers import ratio
from ocrm55.simulators.base import ImageResult

# Headings of the table, in the terminal and on the page.
COLUMNS = ("columns", "images", "MACs", "instructions", "instr./MAC", "of the full width", "unsure before")


@dataclass(frozen=True)
class WidthCost:
    """One width at which images were read.

    images: the images whose reading at this width stood. instructions: of an inference, from the first of them; None if
    the simulator does not count. full_instructions: of the first image that was read at full width, if there is one.
    unsure_instructions: of narrower readings that did not stand, the sum over all these images.
    """

    width: int
    images: int
    macs: int
    instructions: int | None
    full_instructions: int | None
    unsure_instructions: int

    @property
    def per_mac(self) -> float | None:
        return ratio(self.instructions, self.macs)

    @property
    def share(self) -> float | None:
        """The share of the full width's instructions; None without counts at both widths."""
        return ratio(self.instructions, self.full_instructions or 0)

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of the table, as COLUMNS names it."""
        return (
            figures.count(self.width),
            figures.count(self.images),
            figures.count(self.macs),
            figures.count(self.instructions),
            figures.ratio(self.per_mac),
            figures.ratio(self.share),
            figures.nonzero(self.unsure_instructions),
        )


def at_width(metadata: Mapping[str, Any], width: int | None) -> dict[str, Any]:
    """The metadata of a program at one of its widths; unchanged for a program with only one width."""
    found: Mapping[str, Any] = next((each for each in metadata.get("widths", []) if each["width"] == width), {})
    return {**metadata, **{name: value for name, value in found.items() if name not in ("width", "steps")}}


def full_width(metadata: Mapping[str, Any]) -> int | None:
    """The greatest width of a program; None for a program with only one width."""
    return max((each["width"] for each in metadata.get("widths", [])), default=None)


def first_of_each(results: Sequence[ImageResult]) -> list[ImageResult]:
    """The first image of each width at which images were read, in the order of the images."""
    return list({result.width: result for result in reversed(results)}.values())[::-1]


def costs(metadata: Mapping[str, Any], results: Sequence[ImageResult]) -> list[WidthCost]:
    """A row for each width at which images were read, narrowest first; none for a program with only one width."""
    full = full_width(metadata)
    read = {
        width: [result for result in results if result.width == width]
        for width in sorted({result.width for result in results if result.width is not None})
    }
    if full is None or not read:
        return []
    whole = read.get(full)
    return [
        WidthCost(
            width=width,
            images=len(images),
            macs=at_width(metadata, width)["macs"],
            instructions=images[0].inference_instructions,
            full_instructions=whole[0].inference_instructions if whole else None,
            unsure_instructions=sum(image.unsure_instructions for image in images),
        )
        for width, images in read.items()
    ]


def words(metadata: Mapping[str, Any], width: int | None) -> str:
    """`at 96 of 320 columns`; nothing for a program with only one width."""
    full = full_width(metadata)
    return "" if width is None or full is None else f"at {width} of {full} columns"
