"""Programs that serve several widths of input: the cost of each width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocrm55.metadata import Metadata
from ocrm55.report import figures
from ocrm55.report.layers import ratio
from ocrm55.simulators.base import ImageResult

# Headings of the table, in the terminal and on the page.
COLUMNS = ("columns", "images", figures.MACS, "instructions", "instr./MAC", "of the full width", "unsure before")


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


def first_of_each(results: Sequence[ImageResult]) -> list[ImageResult]:
    """The first image of each width at which images were read, in the order of the images."""
    return list({result.width: result for result in reversed(results)}.values())[::-1]


def costs(metadata: Metadata, results: Sequence[ImageResult]) -> list[WidthCost]:
    """A row for each width at which images were read, narrowest first; none for a program with only one width."""
    full = metadata.full_width
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
            macs=metadata.at_width(width).macs,
            instructions=images[0].inference_instructions,
            full_instructions=whole[0].inference_instructions if whole else None,
            unsure_instructions=sum(image.unsure_instructions for image in images),
        )
        for width, images in read.items()
    ]


def words(metadata: Metadata, width: int | None) -> str:
    """`at 96 of 320 columns`; nothing for a program with only one width."""
    full = metadata.full_width
    return "" if width is None or full is None else f"at {width} of {full} columns"
