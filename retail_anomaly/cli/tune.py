"""The command `retail-anomaly tune`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import (
    EXECUTORS_HELP,
    INCIDENTS_HELP,
    ColumnNames,
    MappingFile,
    Page,
    Verdicts,
    mapping_of,
    names_in,
    truth_of,
)
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.tune import TuneError
from retail_anomaly.whole_file import refuse_to_overwrite, write_whole


def tune(
    log: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG...", help="An event log, a folder or tables, as for replay; one or several."
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(help="The configuration file to write.")],
    incidents: Annotated[Path | None, typer.Option(help=INCIDENTS_HELP)] = None,
    verdicts: Verdicts = None,
    alerts: Annotated[
        Path | None, typer.Option(help="With --verdicts: the alerts that they are about, JSON lines.")
    ] = None,
    budget: Annotated[
        float, typer.Option(help="Alerts allowed per store-day on average, over all detectors.")
    ] = 1.0,
    trials: Annotated[int, typer.Option(min=1, help="Number of parameter sets to try per detector.")] = 30,
    objective: Annotated[
        Literal["recall", "loss"],
        typer.Option(help="Find as many incidents as possible (recall), or as much expected loss (loss)."),
    ] = "recall",
    detectors: Annotated[
        str | None,
        typer.Option(
            help="Tune only these detectors, comma-separated. The others run unchanged; their alerts count."
        ),
    ] = None,
    columns: ColumnNames = None,
    mapping: MappingFile = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration file (YAML) to start from. Environment variables are ignored, so that the "
            "file that is written is complete.",
        ),
    ] = None,
    split: Annotated[float, typer.Option(help="Share of the days to tune on; the rest is the test.")] = 0.6,
    jobs: Annotated[
        int,
        typer.Option(min=1, help="Number of processes that share the stores. The result is the same."),
    ] = 1,
    executor: Annotated[
        str | None,
        typer.Option(help=f"Try on the buckets of a log that `partition` has written: {EXECUTORS_HELP}"),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(help="Keep the trials in this file. Repeat the command to go on where it stopped."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the search. The same seed finds the same parameters.")
    ] = 0,
    html: Page = None,
) -> None:
    """Search for parameters that find most within an alert budget.

    They are written as a configuration file, which the other commands read. The search uses the first days of
    the log. The last days test the parameters that it found.

    Example: retail-anomaly tune out/events.jsonl --incidents out/incidents.jsonl --budget 1
    --output tuned.yaml
    """
    outputs = {"--output": output, "--html": html, "--study": study}
    refuse_to_overwrite(outputs, [*files_of(*log), incidents, verdicts, alerts, config, mapping])
    # The search may take hours.
    require_writable(*outputs.values())
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.settings import load
    from retail_anomaly.sources.loaded import Events
    from retail_anomaly.tune.procedure import tune as search

    settings = load(config, environ={}).settings
    truth, remark = truth_of(incidents, verdicts, alerts, settings)
    if remark is not None:
        typer.echo(remark, err=True)
    read = Events(log, None, mapping_of(mapping, columns), settings.zones, settings.privacy)
    try:
        tuning = search(
            read,
            truth,
            settings=settings,
            budget=budget,
            trials=trials,
            objective=objective,
            detectors=names_in(detectors),
            split=split,
            jobs=jobs,
            executor=executor,
            seed=seed,
            study=study,
        )
    except KeyboardInterrupt:
        if study is None:
            raise
        raise TuneError(
            f"stopped; {study} keeps the trials, and the same command goes on with them"
        ) from None
    write_whole(output, tuning.config)
    for line in tuning.lines():
        typer.echo(line)
    say_how_read(read.notes, read.unread)
    typer.echo(f"Written: {output}", err=True)
    if html is not None:
        from retail_anomaly.tune.tuning_page import write_tuning

        write_tuning(tuning, html)
        typer.echo(f"Written: {html}", err=True)
