"""``make bench`` runs all; ``make bench ARGS="plan log"`` some; ``--json`` prints the figures for programs."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Callable

from bench import (
    api,
    archive,
    budgets,
    console,
    crowd,
    execute,
    extensions,
    idle_hour,
    large,
    live,
    log_page,
    mapping,
    plan,
    roll,
    snapshot,
    start,
)
from bench.report import Figure, show

BENCHMARKS: dict[str, Callable[[], list[Figure]]] = {
    "plan": plan.measure,
    "log": log_page.measure,
    "snapshot": snapshot.measure,
    "mapping": mapping.measure,
    "extensions": extensions.measure,
    "execute": execute.measure,
    "archive": archive.measure,
    "console": console.measure,
    "console-postgresql": console.measure_on_postgresql,
    "api": api.measure,
    "budgets": budgets.measure,
    "crowd": crowd.measure,
    "idle": idle_hour.measure,
    "roll": roll.measure,
    "large": large.measure,
    "live": live.measure,
    "start": start.measure,
}


def main(arguments: list[str]) -> int:
    """Measure and show; the exit code is 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="which (default: all)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args(arguments)
    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        print(f"measuring {name} ...", file=sys.stderr)
        figures += BENCHMARKS[name]()
    if options.json:
        print(json.dumps([dataclasses.asdict(figure) | {"ratio": figure.ratio} for figure in figures]))
    else:
        show(figures)
    return 0 if all(figure.is_met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
