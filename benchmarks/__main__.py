"""Run the benchmarks: print a table, write the figures as JSON and as a page."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from rich.console import Console

from benchmarks import (
    commits,
    imports,
    jobs,
    latency,
    ledger_costs,
    memory,
    recovery,
    remembered_lines,
    replay,
    rolling_update,
    throughput,
)
from benchmarks.figures import Figure, table
from benchmarks.kafka import broker
from benchmarks.page import write_page


def _replay(options: argparse.Namespace) -> Iterator[Figure]:
    return replay.figures(records=options.records, repeat=options.repeat)


def _jobs(options: argparse.Namespace) -> Iterator[Figure]:
    # Starting a process takes as long as some hundred thousand events do.
    return jobs.figures(records=3 * options.records, repeat=options.repeat)


def _imports(options: argparse.Namespace) -> Iterator[Figure]:
    return imports.figures(records=options.records // 5, repeat=options.repeat)


def _throughput(options: argparse.Namespace) -> Iterator[Figure]:
    with broker(throughput.BROKER_PROPERTIES) as address:
        yield from throughput.figures(
            address, records=options.records, repeat=options.repeat, stores=options.stores
        )


def _latency(options: argparse.Namespace) -> Iterator[Figure]:
    with broker() as address:
        yield from latency.figures(address, seconds=options.seconds)


def _memory(options: argparse.Namespace) -> Iterator[Figure]:
    return memory.figures(largest=options.largest)


def _ledger(options: argparse.Namespace) -> Iterator[Figure]:
    yield from ledger_costs.figures(days=25, rounds=options.repeat)
    yield from remembered_lines.figures(lines=options.largest)


def _recovery(options: argparse.Namespace) -> Iterator[Figure]:
    with broker() as address:
        yield from recovery.figures(address, sales=options.entries)


def _rolling(options: argparse.Namespace) -> Iterator[Figure]:
    with broker() as address:
        yield from rolling_update.figures(address, sales=options.entries // 10)


def _commits(options: argparse.Namespace) -> Iterator[Figure]:
    with broker() as address:
        yield from commits.figures(address, records=options.records, seconds=options.seconds)


PARTS: dict[str, Callable[[argparse.Namespace], Iterator[Figure]]] = {
    "replay": _replay,
    "jobs": _jobs,
    "imports": _imports,
    "throughput": _throughput,
    "latency": _latency,
    "commits": _commits,
    "memory": _memory,
    "ledger": _ledger,
    "recovery": _recovery,
    "rolling": _rolling,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; by default all")
    parser.add_argument("--records", type=int, default=500_000, help="backlog and log length")
    parser.add_argument("--stores", type=int, default=100, help="stores of the backlog")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, the median counts")
    parser.add_argument("--seconds", type=int, default=20, help="length of a latency run")
    parser.add_argument("--entries", type=int, default=1_000_000, help="remembered sales at a recovery")
    parser.add_argument(
        "--largest",
        type=int,
        default=10_000_000,
        help="most remembered sales and lines",
    )
    parser.add_argument("--output", type=Path, default=Path("out/bench"), help="where to write the figures")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; the parts are {', '.join(PARTS)}")
    figures: list[Figure] = []
    progress = Console(stderr=True)
    for part in parts:
        progress.print(f"{part} ...", style="dim")
        figures += PARTS[part](options)
    Console().print(table(figures))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    data, page = options.output.with_suffix(".json"), options.output.with_suffix(".html")
    data.write_bytes(msgspec.json.format(msgspec.json.encode(figures), indent=2) + b"\n")
    write_page(figures, page)
    Console().print(f"All figures: {data}; as a page: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
