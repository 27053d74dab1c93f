"""The command `retail-anomaly calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import INCIDENTS_HELP, AlertsFile, Verdicts
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.quantities import plural
from retail_anomaly.whole_file import refuse_to_overwrite, write_whole


def calibrate(
    *,
    alerts: AlertsFile,
    output: Annotated[Path, typer.Option(help="The configuration file to write.")],
    incidents: Annotated[Path | None, typer.Option(help=INCIDENTS_HELP)] = None,
    verdicts: Verdicts = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration file (YAML) whose curves to begin with, and whose other values to keep. "
            "Environment variables are ignored.",
        ),
    ] = None,
) -> None:
    """Learn from verdicts how likely an alert is right.

    The curves of `cases.confidence` are fitted to your alerts, and written as a configuration file, which the
    other commands read.

    Example: retail-anomaly calibrate --alerts alerts.jsonl --verdicts alerts.actions.jsonl
    --output calibrated.yaml
    """
    refuse_to_overwrite({"--output": output}, [alerts, incidents, verdicts, config])
    require_writable(output)
    if (incidents is None) == (verdicts is None):
        raise UsageError("give the truth: --incidents or --verdicts, one of them")
    import msgspec

    from retail_anomaly.evaluate.calibration import are_right, refitted, were_judged
    from retail_anomaly.frames.alerts import last_revisions, read_alerts
    from retail_anomaly.frames.incidents import read_incidents
    from retail_anomaly.settings import load
    from retail_anomaly.tune.config_file import config_text

    settings = load(config, environ={}).settings
    raised = last_revisions(read_alerts(alerts))
    if verdicts is not None:
        judged = were_judged(raised, verdicts, settings=settings)
        raised = raised[judged.notna().to_numpy()].reset_index(drop=True)
        right = judged.dropna().to_numpy(dtype=bool)
        if raised.empty:
            raise UsageError(f"--verdicts {verdicts}: it judges no alert of {alerts}")
    else:
        assert incidents is not None  # noqa: S101 - one of the two is given
        right = are_right(raised, read_incidents(incidents, privacy=settings.privacy))
    found = refitted(settings.cases.calibration, raised, right)
    own = {name: curve for name, curve in found.curves.items() if name in set(raised["detector"])}
    cases = msgspec.structs.replace(settings.cases, confidence={**settings.cases.confidence, **own})
    said = f"{plural(len(right), 'labelled alert')}, {int(right.sum()):,} right"
    write_whole(
        output,
        config_text(
            msgspec.structs.replace(settings, cases=cases),
            [f"Written by `retail-anomaly calibrate` from {said}."],
        ),
    )
    typer.echo(f"{said}:")
    for name, rows in raised.assign(right=right).groupby("detector")["right"]:
        typer.echo(f"  {name}: {int(rows.sum()):,} of {len(rows):,}")
    typer.echo(f"Written: {output}", err=True)
