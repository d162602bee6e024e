"""The board's memories and their contents, from the ELF's sections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ocrm55.boards import MemoryMap, Region
from ocrm55.elf import Section
from ocrm55.report import figures, svg
from ocrm55.report.svg import Picture

# Section -> its contents in words; any other section keeps its name.
_WORDS = {
    ".vectors": "vector table",
    ".text": "code",
    ".rodata": "constants",
    ".ARM.exidx": "unwind table",
    ".data": "variables with a start value",
    ".bss": "variables",
    ".stack": "stack",
    ".ocrm55.arena": "arena",
    ".ocrm55.weights": "weights",
    ".ocrm55.weights.hot": "weights that are read most often",
    ".ocrm55.weights.far": "weights that are read least often",
    ".ocrm55.images": "images",
}
_HUES = {
    ".ocrm55.weights": 0,
    ".ocrm55.arena": 1,
    ".text": 2,
    ".stack": 3,
    ".rodata": 4,
    ".ocrm55.weights.hot": 5,
    ".ocrm55.weights.far": 6,
}
_ZOOM = 0.10  # a region that is less full is not drawn to its end


@dataclass(frozen=True)
class Use:
    """A memory and the sections that lie in it, by address."""

    region: Region
    sections: list[Section]

    @property
    def used(self) -> int:
        """Bytes of the sections. Start values that are copied out of this memory count at their destination."""
        return sum(section.size for section in self.sections)


def uses(sections: Sequence[Section], board: MemoryMap) -> list[Use]:
    """The sections of an ELF by region. A section outside all regions would be left out; the linker prevents it."""
    return [
        Use(region, sorted((s for s in sections if region.contains(s.address)), key=lambda s: s.address))
        for region in board.regions.values()
    ]


def section_title(name: str) -> str:
    """The contents of a section, in words."""
    return _WORDS.get(name, name)


def memory_picture(sections: Sequence[Section], board: MemoryMap, width: int) -> Picture:
    """A bar for each memory, from its first byte to its last, with its sections in their places and to scale."""
    shapes: list[Markup] = []
    y = 0.0
    for use in uses(sections, board):
        drawn, height = _draw(use, y, width)
        shapes.append(drawn)
        y += height + 16
    return Picture("memory map", width, max(y - 16, 20), Markup("").join(shapes))


def _draw(use: Use, y: float, width: int) -> tuple[Markup, float]:
    region = use.region
    shown, cut = _shown(use)
    percent = figures.share(use.used, region.size)
    heading = svg.group(
        svg.text(0, y + 13, region.name, "bold"),
        svg.text(width, y + 13, f"{figures.size(use.used)} of {figures.size(region.size)}, {percent}", "end"),
    )
    top, high = y + 20, 26.0
    frame = svg.rect(0, top, width, high, "fill-panel line-rule", rx=3)
    scale = width / shown
    shapes = [heading, frame]
    shapes += [_section(section, region, top, high, scale) for section in use.sections]
    under = top + high + 14
    if cut:
        words = f"the first {figures.size(shown)} are drawn"
        shapes.append(svg.text(width / 2, under, words, "small middle fill-soft"))
        edge = width - 1.0
        zigzag = " ".join(f"{edge - (6 if i % 2 else 0):.0f},{top + high * i / 6:.1f}" for i in range(7))
        shapes.append(svg.tag("polyline", points=zigzag, class_="line-soft", fill="none", stroke_width=1.5))
    ends = f"0x{region.origin + shown:08x}" + (" …" if cut else "")
    shapes.append(svg.text(0, under, f"0x{region.origin:08x}", "small mono fill-soft"))
    shapes.append(svg.text(width, under, ends, "small mono end fill-soft"))
    legend, lines = _legend(use, under + 17, width)
    shapes.append(legend)
    return svg.group(*shapes), under - y + 4 + lines * 17


def _shown(use: Use) -> tuple[int, bool]:
    """The number of bytes of a region to draw: all, or a power of two that holds the sections at its start."""
    end = max((s.address + s.size - use.region.origin for s in use.sections), default=use.region.size)
    if end > _ZOOM * use.region.size:
        return use.region.size, False
    shown = 1024
    while shown < end:
        shown *= 2
    return shown, True


def _section(section: Section, region: Region, top: float, high: float, scale: float) -> Markup:
    left, wide = (section.address - region.origin) * scale, section.size * scale
    tip = f"{section.name}: {figures.count(section.size)} bytes at 0x{section.address:08x}"
    shape = svg.rect(left, top, max(wide, 1.5), high, f"fill-hue-{_hue(section)}", tip=tip, fill_opacity=0.55)
    words = svg.fit(section_title(section.name), wide - 10)
    return svg.group(shape, svg.text(left + 5, top + 17, words, pointer_events="none") if words else Markup())


def _hue(section: Section) -> int:
    return _HUES.get(section.name, svg.HUES)


def _legend(use: Use, y: float, width: int) -> tuple[Markup, int]:
    """Every section with its bytes, with as many on a line as fit; for an empty region, its purpose."""
    if not use.sections:
        return svg.text(0, y, svg.fit(f"empty; for {use.region.holds}", width, svg.SMALL), "small fill-soft"), 1
    entries = [(_hue(s), f"{section_title(s.name)} {figures.count(s.size)}") for s in use.sections]
    return svg.legend(entries, y, width)
