"""The command `retail-anomaly`."""

import os
import sys
import time
import traceback
from collections import Counter
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import msgspec
import typer

from retail_anomaly.cli.demo import demo
from retail_anomaly.cli.evaluate import evaluate
from retail_anomaly.cli.notebook import notebook
from retail_anomaly.cli.report import report
from retail_anomaly.cli.tune import tune
from retail_anomaly.core.codec import encode
from retail_anomaly.core.errors import RetailAnomalyError
from retail_anomaly.core.events import INPUT_TOPICS
from retail_anomaly.replay import Pass, open_replay
from retail_anomaly.settings import build_engine, flatten, json_schema, load
from retail_anomaly.sources import STDIN
from retail_anomaly.sources.columns import Columns
from retail_anomaly.sources.event_log import BadLine, BadLines

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Find refund abuse, theft and stock losses in the events of shops.",
)
config_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Show and check the configuration."
)

# Commands of other modules, which import what is slow to import when they are called.
app.command()(demo)
app.command()(evaluate)
app.command()(notebook)
app.command()(report)
app.command()(tune)
app.add_typer(config_app, name="config")

ConfigFile = Annotated[Path | None, typer.Option("--config", help="A YAML file; see config show.")]
_INTERRUPTED: Final = 130  # what typer makes of Ctrl-C
# What typer raises for a command line it does not understand; it has no public name.
_USAGE_ERROR: Final[type[Exception]] = typer.BadParameter.__mro__[1]


@app.command()
def replay(
    logs: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG...",
            help="An event log (JSON lines), - for standard input, a folder with pos-events.jsonl and the "
            "like, a Parquet or CSV file; or several.",
        ),
    ],
    *,
    config: ConfigFile = None,
    detectors: Annotated[
        str | None, typer.Option(help="Run these only, comma-separated, such as refund_burst.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            help="Where foreign data keeps a field: field=column, field=column:constant for rows with "
            "nothing in it, field=:constant; comma-separated.",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic of a file that doesn't say it. Default: pos-events.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the alerts to this file, not to standard output.")
    ] = None,
    dead_letters: Annotated[
        Path | None, typer.Option(help="Write what could not be read to this file.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a line could not be read.")
    ] = False,
    jobs: Annotated[
        int,
        typer.Option(min=0, help="Processes that share the stores; 0: one for each core. The same alerts."),
    ] = 1,
) -> int:
    """Run the detectors over history; the alerts go to standard output as JSON lines.

    Example: retail-anomaly replay out/events.jsonl --output alerts.jsonl

    Foreign data: retail-anomaly replay sales.parquet --columns cashierId=clerk:unknown,storeId=:web
    """
    if topic is not None and topic not in INPUT_TOPICS:
        raise typer.BadParameter(f"--topic is one of {', '.join(INPUT_TOPICS)}, not {topic!r}")
    settings = load(config).settings
    names = None if detectors is None else [name.strip() for name in detectors.split(",")]
    run = open_replay(logs, topic, Columns.parse(",".join(columns or ())), settings, names, jobs=jobs)
    _refuse_to_overwrite(logs, {"--output": output, "--dead-letters": dead_letters})
    types: Counter[str] = Counter()
    began = time.perf_counter()
    with ExitStack() as stack:
        letters = stack.enter_context(dead_letters.open("wb")) if dead_letters else None
        target: BinaryIO = stack.enter_context(output.open("wb")) if output else sys.stdout.buffer
        bad = BadLines(letters, show=_show)
        for alert in run.alerts(bad, None):
            target.write(encode(alert) + b"\n")
            types[alert.type] += 1
            if STDIN in logs:  # somebody may be waiting at the other end
                target.flush()
        target.flush()
    _summarise(run, types, bad, time.perf_counter() - began)
    return 1 if strict and bad.count else 0


@config_app.command()
def show(
    config: ConfigFile = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Print the packaged file, to copy from.")
    ] = False,
) -> None:
    """Print every setting with where it comes from.

    Example: retail-anomaly config show --config shops.yaml
    """
    if defaults:
        typer.echo(files("retail_anomaly.settings").joinpath("config.yaml").read_text("utf-8"), nl=False)
        return
    loaded = load(config)
    rows = [(key, _text_of(value), loaded.sources[key]) for key, value in flatten(loaded.settings).items()]
    if not sys.stdout.isatty():
        for row in rows:
            typer.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("key", "value", "from", box=None)
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file.

    Example: retail-anomaly config schema > config.schema.json
    """
    typer.echo(msgspec.json.format(msgspec.json.encode(json_schema()), indent=2).decode())


@config_app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="A YAML file.")]) -> None:
    """Check a configuration file; exit code 2 and one line if something is wrong with it.

    Example: retail-anomaly config check shops.yaml
    """
    settings = load(file, environ={}).settings
    reasons = [
        f"detectors.{detector.name}.{detector.parameters.replay_only}"
        for detector in build_engine(settings).detectors
        if detector.parameters.replay_only
    ]
    where = f" for replay and notebooks, not for the streamer: {'; '.join(reasons)}" if reasons else ""
    typer.echo(f"{file}: all right{where}")


def _refuse_to_overwrite(logs: list[str], outputs: dict[str, Path | None]) -> None:
    for option, path in outputs.items():
        for log in logs:
            if path and path.is_file() and Path(log).is_file() and path.samefile(log):
                raise typer.BadParameter(f"{option} would overwrite {log}")


def _show(bad: BadLine) -> None:
    typer.echo(str(bad), err=True)


def _summarise(run: Pass, types: Counter[str], bad: BadLines, seconds: float) -> None:
    events = run.events.total()
    lines = [
        f"{events:,} events of {run.store_count:,} stores in {seconds:.1f} s "
        f"({events / max(seconds, 1e-9):,.0f} a second): {types.total():,} alerts"
    ]
    lines += [f"  {count:>9,} {name}" for name, count in types.most_common()]
    if bad.count:
        more = "; --dead-letters keeps all of them" if bad.count > bad.shown else ""
        lines.append(f"{bad.count:,} lines could not be read{more}")
        lines += [f"  {count:>9,} {reason}" for reason, count in bad.reasons.most_common(5)]
        if not events:
            lines.append("  None could: are these events? See --columns and --topic.")
    if run.held:
        lines.append(f"{run.held:,} decisions still wait for time to pass beyond the end of the log")
    for line in lines:
        typer.echo(line, err=True)


def _text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 failed, 2 not understood.

    Examples
    --------
    >>> main(["replay", "missing.jsonl"])
    1
    >>> main(["replay", "missing.jsonl", "--detectors", "x"])
    2
    """
    try:
        result = app(args=arguments, prog_name="retail-anomaly", standalone_mode=False)
        sys.stdout.flush()
    except _USAGE_ERROR as error:
        text = error.format_message() if hasattr(error, "format_message") else str(error)
        return _fail(f"{' '.join(text.split()).removesuffix('.')} (see retail-anomaly --help)", 2)
    except RetailAnomalyError as error:
        return _fail(str(error), error.exit_code)
    except BrokenPipeError:
        # Whoever reads us has read enough; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}", 1)
    except (typer.Abort, KeyboardInterrupt):
        return _fail("stopped before the end", 1)
    except Exception as error:  # noqa: BLE001 - a user gets one line, whatever went wrong
        at = traceback.extract_tb(error.__traceback__)[-1]
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return _fail(f"{said} (at {Path(at.filename).name}:{at.lineno}): please report it", 1)
    if result == _INTERRUPTED:
        return _fail("stopped before the end", 1)
    return result if isinstance(result, int) else 0


def _fail(message: str, code: int) -> int:
    typer.echo(f"retail-anomaly: {message}", err=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
