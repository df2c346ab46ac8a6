"""`make bench`: what must be fast, each beside a named peer in the same run."""

from __future__ import annotations

import argparse
import importlib
import tempfile
from pathlib import Path

ALL = ("loading", "judging", "latency", "drivers", "backtest", "network", "alerts", "drilldown", "wall")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", nargs="*", default=ALL, help=f"some of {', '.join(ALL)}; all if left out")
    for name in parser.parse_args().which:
        with tempfile.TemporaryDirectory() as folder:
            importlib.import_module(f"benchmarks.{name}").run(Path(folder))


main()
