"""The four accelerators. They differ in the order of weights, and in where the tables are."""

from __future__ import annotations

from dataclasses import dataclass

from ocrm55.errors import UnsupportedError


@dataclass(frozen=True)
class Accelerator:
    """One of the four sizes (Vela's accelerator table).

    ofm_ublock_depth: output channels that the MAC array takes at a time: the inner order of the weight stream.
    shram_bytes: internal memory; its last 2 KB hold the activation tables.
    """

    name: str
    macs: int
    ofm_ublock_depth: int
    shram_bytes: int

    # The same for all four (Vela): input channels that the MAC array takes at a time.
    ifm_ublock_depth = 8

    @property
    def tables_start(self) -> int:
        return self.shram_bytes - 2048

    @property
    def tables_are_shared(self) -> bool:
        """With 16 banks no bank is kept for tables: accumulators of operations without a table overwrite them."""
        return self.shram_bytes <= 16 * 1024


ACCELERATORS = {
    one.name: one
    for one in (
        Accelerator("ethos-u55-32", 32, 4, 16 * 1024),
        Accelerator("ethos-u55-64", 64, 8, 16 * 1024),
        Accelerator("ethos-u55-128", 128, 8, 24 * 1024),
        Accelerator("ethos-u55-256", 256, 8, 48 * 1024),
    )
}


def by_name(name: str) -> Accelerator:
    """Raises UnsupportedError that lists the names."""
    try:
        return ACCELERATORS[name]
    except KeyError:
        raise UnsupportedError(f"{name} is not modelled; these are: {', '.join(ACCELERATORS)}.") from None


def by_macs(macs: int) -> Accelerator:
    """The accelerator with that many MACs a cycle; the driver's configuration word holds the number."""
    return by_name(f"ethos-u55-{macs}")
