"""`python -m bench [P9 …] [--quick] [--json] [--gate]`: measure, tell, and fail only where a gate was asked for."""

import argparse
import asyncio
import importlib
import sys
from collections.abc import Sequence
from typing import Final, cast

from bench.harness import Benchmark, Measure
from bench.report import as_document, print_table

# Each module has `measure(is_quick)`; it is imported only when it is asked for.
FIGURES: Final = {
    "P1": "bench.p01_due",
    "P2": "bench.p02_lateness",
    "P3": "bench.p03_logs",
    "P4": "bench.p04_requests",
    "P5": "bench.p05_action",
    "P5B": "bench.p05b_events",
    "P8": "bench.p08_conditions",
    "P9": "bench.p09_attestation",
    "P10": "bench.p10_footprint",
    "P11": "bench.p11_latency",
    "P12": "bench.p12_takeover",
    "DEMO": "bench.demo_time",
}


async def measure_all(names: Sequence[str], *, is_quick: bool) -> list[Measure]:
    """Measure one figure after the other, since they share the machine."""
    measures: list[Measure] = []
    for name in names:
        print(f"bench: {name} …", file=sys.stderr, flush=True)
        benchmark = cast("Benchmark", importlib.import_module(FIGURES[name]).measure)
        measures.extend(await benchmark(is_quick))
    return measures


def main(arguments: Sequence[str]) -> int:
    """Run; the exit status is 1 when a gate was asked for and a goal is missed, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the project's figures.")
    parser.add_argument("figures", nargs="*", metavar="P9", help=f"which, all by default: {', '.join(FIGURES)}")
    parser.add_argument("--quick", action="store_true", help="fewer pairs and smaller loads; says less")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    parser.add_argument("--gate", action="store_true", help="exit with status 1 when a goal is missed")
    options = parser.parse_args(arguments)
    names = [name.upper() for name in options.figures] or list(FIGURES)
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        parser.error(f"no such figure: {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    measures = asyncio.run(measure_all(names, is_quick=options.quick))
    if options.json:
        print(as_document(measures))
    else:
        print_table(measures, sys.stdout)
    return 1 if options.gate and not all(measure.is_met for measure in measures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
