"""Try many random networks: `python -m tests.random_networks --count 5000 --seed 1`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.random_networks import odd, trial
from tests.random_networks.networks import STYLES, case
from tests.random_networks.programs import Builder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1, help="of the first network; the next one has the next number")
    parser.add_argument("--style", choices=(*STYLES, "library"), help="only this one")
    parser.add_argument("--odd", action="store_true", help="small networks with odd forms of operators")
    parser.add_argument("--refusals", type=int, default=20, help="how many reasons to list")
    chosen = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    reasons: Counter[str] = Counter()
    start = time.process_time()
    with tempfile.TemporaryDirectory(prefix="ocrm55-random-") as folder:
        drawn = odd.case if chosen.odd else case
        cases = (drawn(chosen.seed + number, chosen.style) for number in range(chosen.count))
        for result in trial.run(cases, Builder(Path(folder)), odd.compiled if chosen.odd else None):
            counts[result.style, result.kind] += 1
            if result.kind == "refused":
                reasons[f"{result.style}: {result.reason}"] += 1
            if result.kind == "wrong":
                print(f"--seed {result.seed} --style {result.style}: {result.reason[:600]}\n", flush=True)
    for reason, count in reasons.most_common(chosen.refusals):
        print(f"{count:6} refused: {reason}")
    for style in odd.STYLES if chosen.odd else STYLES:
        numbers = ", ".join(f"{counts[style, kind]} {kind}" for kind in ("right", "refused", "wrong"))
        print(f"{style:12} {numbers}")
    print(f"{time.process_time() - start:.0f} s of this process")
    return 1 if any(kind == "wrong" for _, kind in counts) else 0


if __name__ == "__main__":
    sys.exit(main())
