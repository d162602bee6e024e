"""The accelerators. They differ in the order of weights, in where the tables are, and in their cores."""

from __future__ import annotations

from dataclasses import dataclass

from ocrm55.errors import UnsupportedError


@dataclass(frozen=True)
class Accelerator:
    """One size (Vela's accelerator table).

    ofm_ublock_depth: output channels that the MAC array takes at a time: the inner order of the weight stream.
    shram_bytes: internal memory; its last 2 KB hold the activation tables.
    cores: with two, each has a weight and a scale stream of its own, for every second output channel.
    product: bits 31..28 of the driver's configuration word.
    """

    name: str
    macs: int
    ofm_ublock_depth: int
    shram_bytes: int
    cores: int = 1
    product: int = 0

    # The same for all of them (Vela): input channels that the MAC array takes at a time.
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
# Their streams are modelled; nothing here compiles for them, and no board of ours has one.
ETHOS_U65 = {
    one.name: one
    for one in (
        Accelerator("ethos-u65-256", 256, 8, 48 * 1024, product=1),
        Accelerator("ethos-u65-512", 512, 8, 48 * 1024, cores=2, product=1),
    )
}
MODELLED = ACCELERATORS | ETHOS_U65


def by_name(name: str) -> Accelerator:
    """Raises UnsupportedError that lists the names."""
    try:
        return MODELLED[name]
    except KeyError:
        raise UnsupportedError(f"{name} is not modelled; these are: {', '.join(MODELLED)}.") from None


def by_macs(macs: int, product: int = 0) -> Accelerator:
    """The accelerator with that many MACs a cycle; the driver's configuration word holds both numbers."""
    return by_name(f"ethos-u{65 if product == 1 else 55}-{macs}")
