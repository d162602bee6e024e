"""The tables of `read --stats`: what each page costs by stage, and where the bytes of a program for pages are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ocrm55 import console, plain_text
from ocrm55.artifact import Artifact
from ocrm55.firmware import sections
from ocrm55.page.program import PreparedPage
from ocrm55.page.read import Picture
from ocrm55.simulators.base import Run

STAGES = {
    "load": "the file of frames is checked; with the first page",
    "resize": "the page is scaled for the detector (a pass of its own)",
    "detect": "the detector, with its rows",
    "boxes": "boxes from the map, in reading order",
    "crop": "lines are straightened",
    "prepare": "pixels become the recognizer's input",
    "recognise": "the recognizer",
    "decode": "probabilities become a text",
    "say": "the UART",
}
NETWORKS = ("detect", "recognise")


def show(prepared: PreparedPage, runs: Sequence[tuple[Sequence[Picture], Run]]) -> None:
    """Print instructions by stage for every page, then memory. Neither QEMU nor the FVP knows a Cortex-M55's cycles."""
    for pictures, run in runs:
        for picture, page in zip(pictures, run.pages, strict=True):
            console.result()
            if not page.work:
                console.warning("this simulator does not count instructions; use --simulator qemu for --stats")
                break
            readings = sum(box.readings for box in page.boxes)
            boxes = plain_text.counted(len(page.boxes), "box", "boxes")
            title = f"{picture.path}: {boxes}, {plain_text.counted(readings, 'reading')}"
            console.table(title, ("stage", "instructions", "%", ""), rows(page.work), right=("instructions", "%"))
    _show_memory(prepared, runs)


def rows(work: Mapping[str, int]) -> list[tuple[str, str, str, str]]:
    """Stage, instructions, per cent, words; then the sum, and all but the networks."""
    total = sum(count for name, count in page_work(work).items())
    shown = [
        (name, f"{count:,}", f"{100 * count / max(total, 1):.1f}", STAGES.get(name, ""))
        for name, count in page_work(work).items()
    ]
    rest = total - sum(work.get(name, 0) for name in NETWORKS)
    shown.append(("all", f"{total:,}", "100.0", ""))
    shown.append(("but networks", f"{rest:,}", f"{100 * rest / max(total, 1):.1f}", ""))
    return shown


def page_work(work: Mapping[str, int]) -> dict[str, int]:
    """The stages of a page. `detect` is without the scaling that is measured by itself; `other` belongs to no page."""
    counted = {name: count for name, count in work.items() if name != "other"}
    if "detect" in counted:
        counted["detect"] = max(counted["detect"] - counted.get("resize", 0), 0)
    return counted


def memory(prepared: PreparedPage, runs: Sequence[tuple[Sequence[Picture], Run]]) -> list[tuple[str, str, str]]:
    """What takes memory beside the frames: words, bytes, region."""
    placement = prepared.placement
    networks = [Artifact.read(each.artifact) for each in (prepared.detector, prepared.recognizer)]
    scratch = max((page.scratch_bytes or 0 for _, run in runs for page in run.pages), default=0)
    stack = max((run.stack_bytes or 0 for _, run in runs), default=0)
    shown = [
        ("arena, of both networks in turn", placement.arena_bytes, placement.regions["arena"].name),
        *((f"  of {network.name}", network.arena_bytes, "") for network in networks),
        *((f"weights of {network.name}", network.weight_bytes, "") for network in networks),
        ("scratch that was used", scratch, placement.regions["images"].name),
        ("stack that was used", stack, ""),
    ]
    return [(what, f"{size:,}", where) for what, size, where in shown]


def _show_memory(prepared: PreparedPage, runs: Sequence[tuple[Sequence[Picture], Run]]) -> None:
    console.result()
    console.table("memory", ("what", "bytes", "where"), memory(prepared, runs), right=("bytes",))
    console.result()
    found = sections(prepared.elf)
    console.table("ELF sections", ("section", "bytes"), ((n, f"{s:,}") for n, s in found.items()), right=("bytes",))
