"""The command `retail-anomaly tune`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from retail_anomaly.sources import STDIN, SourceError


def tune(
    log: Annotated[
        list[str],
        typer.Argument(
            metavar="LOG...", help="What replay reads: an event log, a folder, tables; or several."
        ),
    ],
    *,
    incidents: Annotated[Path, typer.Option(help="The truth, as retail-datagen writes it.")],
    output: Annotated[Path, typer.Option(help="The configuration file to write.")],
    budget: Annotated[
        float, typer.Option(help="Alerts a store-day may have on average, all detectors together.")
    ] = 1.0,
    trials: Annotated[int, typer.Option(min=1, help="How many parameters of each detector to try.")] = 30,
    objective: Annotated[
        Literal["recall", "loss"],
        typer.Option(help="Find most incidents (recall) or most of their expected loss (loss)."),
    ] = "recall",
    detectors: Annotated[
        str | None,
        typer.Option(help="Tune these only, comma-separated; the others run as they are and count."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Where to begin: a YAML file. The environment is not read: what is written says all.",
        ),
    ] = None,
    split: Annotated[float, typer.Option(help="The share of the days that is tuned on.")] = 0.6,
    jobs: Annotated[
        int,
        typer.Option(min=1, help="Processes; the stores are divided between them, the result is the same."),
    ] = 1,
    study: Annotated[
        Path | None,
        typer.Option(help="Keep the trials in this file; the same command goes on where it stopped."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the search: the same seed finds the same.")] = 0,
    html: Annotated[Path | None, typer.Option(help="Write a page with figures, which opens offline.")] = None,
) -> int:
    """Look for parameters that find most within a budget of alerts; write them as a configuration.

    The first days of the log are tuned on, the last ones tell what that is worth.

    Example: retail-anomaly tune out/events.jsonl --incidents out/incidents.jsonl --budget 1
    --output tuned.yaml
    """
    _refuse_to_overwrite(output, html, inputs=[*log, incidents, config, study])
    # Here, for they take longer to import than the other commands to run.
    from retail_anomaly.evaluate import read_incidents
    from retail_anomaly.settings import load
    from retail_anomaly.tune.procedure import tune as search

    try:
        truth = read_incidents(incidents)
    except ValueError as error:
        raise SourceError(str(error)) from None
    try:
        tuning = search(
            log,
            truth,
            settings=load(config, environ={}).settings,
            budget=budget,
            trials=trials,
            objective=objective,
            detectors=None if detectors is None else [name.strip() for name in detectors.split(",")],
            split=split,
            jobs=jobs,
            seed=seed,
            study=study,
        )
    except KeyboardInterrupt:
        if study is None:
            raise
        typer.echo(
            f"retail-anomaly: stopped; {study} keeps the trials, and the same command goes on with them",
            err=True,
        )
        return 1
    output.write_text(tuning.config, "utf-8")
    for line in tuning.lines():
        typer.echo(line)
    typer.echo(f"Written: {output}", err=True)
    if html is not None:
        from retail_anomaly.tune.tuning_page import write_tuning

        write_tuning(tuning, html)
        typer.echo(f"Written: {html}", err=True)
    return 0


def _refuse_to_overwrite(*outputs: Path | None, inputs: list[str | Path | None]) -> None:
    """Refuse before the search, not after it."""
    for path in outputs:
        if path is None:
            continue
        if not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"{path.parent}: no such folder")
        for read in inputs:
            if read not in (None, STDIN) and path.is_file() and Path(read).is_file() and path.samefile(read):
                raise typer.BadParameter(f"{path} would be overwritten, and it is read")
