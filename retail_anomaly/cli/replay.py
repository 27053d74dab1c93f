"""The command `retail-anomaly replay`."""

import sys
import time
from collections import Counter
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.closing import strict_code
from retail_anomaly.cli.options import (
    EXECUTORS_HELP,
    ColumnNames,
    ConfigFile,
    MappingFile,
    TopicName,
    mapping_of,
    names_in,
)
from retail_anomaly.cli.read_first import ReadFirst
from retail_anomaly.core.codec import encode
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.core.quantities import plural
from retail_anomaly.frames.words import undecided_lines
from retail_anomaly.replay import Pass, open_replay
from retail_anomaly.replay.rules_log import read_rules_log
from retail_anomaly.settings import load
from retail_anomaly.sources import STDIN
from retail_anomaly.sources.event_log import BadLine, BadLines
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.sources.unreadable import UnreadableError
from retail_anomaly.whole_file import refuse_to_overwrite, whole_file

# Of so few alerts none needs to be named as the first to read.
_FEW = 10


def replay(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG...",
            help="One or several of: an event log (JSON lines); - for standard input; a table (CSV, Parquet, "
            "Excel); a folder with pos-events.jsonl and files of the other topics, or with the parts of one "
            "table; an address such as s3://bucket/sales.parquet.",
        ),
    ],
    *,
    config: ConfigFile = None,
    detectors: Annotated[
        str | None, typer.Option(help="Run only these detectors, comma-separated, such as refund_burst.")
    ] = None,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    rules_log: Annotated[
        Path | None,
        typer.Option(
            help="Repeat changes of the rules at their places, as `retail-streamer rules log --json` "
            "writes them."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write the alerts to this file instead of standard output. It replaces an old file at the "
            "end, when it is complete."
        ),
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Write the lines that could not be read to this file.")
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit with 1 if a line could not be read, or if there is a remark about the data.",
        ),
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(
            min=0,
            help="Number of processes that share the stores; 0 means one per core. The alerts are the same.",
        ),
    ] = 1,
    return_stores: Annotated[
        bool,
        typer.Option(
            "--return-stores",
            help="Compare refunds that name a receipt of another store (originalStoreId) with that receipt. "
            "The logs are in order of time over all stores.",
        ),
    ] = False,
    executor: Annotated[
        str | None,
        typer.Option(
            help=f"Replay the buckets of a log that `partition` has written: {EXECUTORS_HELP}",
        ),
    ] = None,
    results: Annotated[
        str | None,
        typer.Option(
            help="With --executor: the folder or address for the alerts of each bucket. Buckets that are "
            "done there are not replayed again. Default: the folder _results of the log.",
        ),
    ] = None,
) -> int:
    """Run the detectors over history. Alerts go to standard output as JSON lines.

    Example: retail-anomaly replay out/events.jsonl --output alerts.jsonl

    With your own columns: retail-anomaly replay sales.parquet --columns cashierId=clerk:unknown,storeId=:web
    """
    if topic is not None and topic not in INPUT_TOPICS:
        raise UsageError(f"--topic is one of {', '.join(INPUT_TOPICS)}, not {topic!r}")
    if results is not None and executor is None:
        raise UsageError("--results goes with --executor")
    settings = load(config).settings
    run = open_replay(
        logs,
        topic,
        mapping_of(mapping, columns),
        settings,
        names_in(detectors),
        jobs=jobs,
        rules_log=None if rules_log is None else read_rules_log(rules_log),
        return_stores=return_stores,
        executor=executor,
        results=results,
    )
    refuse_to_overwrite(
        {"--output": output, "--dead-letters": dead_letters}, [*files_of(*logs), config, mapping, rules_log]
    )
    types: Counter[str] = Counter()
    revised = 0
    first = ReadFirst(settings.cases.calibration)
    began = time.perf_counter()
    unreadable = None
    with ExitStack() as stack:
        letters = stack.enter_context(whole_file(dead_letters)) if dead_letters else None
        bad = BadLines(letters, show=_show)
        try:
            with whole_file(output) if output else nullcontext(sys.stdout.buffer) as target:
                for alert in run.alerts(bad, None):
                    target.write(encode(alert) + b"\n")
                    # A revision is the same alert again.
                    types[alert.type] += alert.revision == 1
                    revised += alert.revision == 2
                    first.take(alert)
                    if STDIN in logs:  # A pipe may never end: hand each alert over at once.
                        target.flush()
                target.flush()
        except UnreadableError as error:  # raised below, so that the dead letters are kept
            unreadable = error
    if unreadable is not None:
        raise unreadable
    for line in _summary(run, types, revised, first, bad, time.perf_counter() - began):
        typer.echo(line, err=True)
    return strict_code(bad.count, len(run.remarks)) if strict else 0


def _show(bad: BadLine) -> None:
    typer.echo(str(bad), err=True)


def _summary(
    run: Pass, types: Counter[str], revised: int, first: ReadFirst, bad: BadLines, seconds: float
) -> list[str]:
    events = run.events.total()
    again = f" ({revised:,} revised)" if revised else ""
    lines = [
        f"{plural(events, 'event')} of {plural(run.store_count, 'store')} in {seconds:.1f} s "
        f"({events / max(seconds, 1e-9):,.0f} a second): {plural(types.total(), 'alert')}{again}"
    ]
    if types.total() > _FEW:
        lines += first.lines()
    lines += [*run.remarks, *run.hints]
    lines += [f"  {count:>9,} {name}" for name, count in types.most_common()]
    lines += bad.lines("; --dead-letters keeps all of them" if bad.count > bad.shown else "")
    lines += undecided_lines(run.undecided)
    if run.held:
        held = plural(run.held, "decision")
        lines.append(f"{held} still waiting for time to pass beyond the end of the log")
    return lines
