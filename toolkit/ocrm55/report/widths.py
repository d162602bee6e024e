"""Programs that serve several widths of input: what each width costs, and the program as it is at one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ocrm55.report import figures
from ocrm55.report.layers import ratio
from ocrm55.simulators.base import ImageResult

# Headings of the table, in the terminal and on the page.
COLUMNS = ("columns", "images", "MACs", "instructions", "instr./MAC", "of the full width", "in vain before")


@dataclass(frozen=True)
class WidthCost:
    """One width that images were read at.

    images: whose reading at this width stood. instructions: of an inference, from the first of them; None where the
    simulator does not count. full_instructions: of the first image that was read at full width, if there is one.
    in_vain: instructions of narrower readings that did not stand, of all these images together.
    """

    width: int
    images: int
    macs: int
    instructions: int | None
    full_instructions: int | None
    in_vain: int

    @property
    def per_mac(self) -> float | None:
        return ratio(self.instructions, self.macs)

    @property
    def share(self) -> float | None:
        """Of the full width's instructions; None where nothing was counted, or no image was read at full width."""
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
            figures.nonzero(self.in_vain),
        )


def at_width(metadata: Mapping[str, Any], width: int | None) -> dict[str, Any]:
    """The metadata of a program as it is at one of its widths; as it stands for a program that has but one."""
    found: Mapping[str, Any] = next((each for each in metadata.get("widths", []) if each["width"] == width), {})
    return {**metadata, **{name: value for name, value in found.items() if name not in ("width", "steps")}}


def full_width(metadata: Mapping[str, Any]) -> int | None:
    """The widest that a program serves; None for a program that has but one width."""
    return max((each["width"] for each in metadata.get("widths", [])), default=None)


def first_of_each(results: Sequence[ImageResult]) -> list[ImageResult]:
    """The first image of each width that images were read at, in the order of the images."""
    return list({result.width: result for result in reversed(results)}.values())[::-1]


def costs(metadata: Mapping[str, Any], results: Sequence[ImageResult]) -> list[WidthCost]:
    """A row for each width that images were read at, narrowest first; none for a program that has but one width."""
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
            in_vain=sum(image.unsure_instructions for image in images),
        )
        for width, images in read.items()
    ]


def words(metadata: Mapping[str, Any], width: int | None) -> str:
    """`at 96 of 320 columns`; nothing for a program that has but one width."""
    full = full_width(metadata)
    return "" if width is None or full is None else f"at {width} of {full} columns"
