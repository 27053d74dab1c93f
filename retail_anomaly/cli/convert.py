"""The command `retail-anomaly convert`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, TopicName, mapping_of
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite


def convert(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE...", help="Tables, logs or folders, as for replay; one or several."),
    ],
    *,
    out: Annotated[
        Path, typer.Option(help="Folder for the events. Old files in it are replaced at the end.")
    ],
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    topic: TopicName = None,
    form: Annotated[
        Literal["log", "parquet"],
        typer.Option("--format", help="log: one event log, events.jsonl. parquet: a file for each topic."),
    ] = "log",
    config: ConfigFile = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if a line or row could not be read.")
    ] = False,
) -> int:
    """Turn any table into events, which every command then reads without a mapping.

    Example: retail-anomaly convert sales.xlsx --mapping mapping.yaml --out events
    """
    from retail_anomaly.cli.closing import say_how_read, strict_code
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events
    from retail_anomaly.sources.written import write_log, write_parquet, written_files

    settings = load(config).settings
    events = Events(sources, topic, mapping_of(mapping, columns), settings.zones, settings.privacy)
    outputs = {f"--out {file.name}": file for file in written_files(out, form)}
    refuse_to_overwrite(outputs, [*files_of(*sources), config, mapping])
    out.mkdir(parents=True, exist_ok=True)
    write = write_log if form == "log" else write_parquet
    counts = write(events.read(show=lambda line: typer.echo(str(line), err=True)), out)
    for file, count in counts.items():
        typer.echo(f"Written: {file} ({count:,} events)", err=True)
    say_how_read([*events.notes, *events.hints], events.unread)
    return strict_code(events.unread.count) if strict else 0
