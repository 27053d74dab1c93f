"""The commands `retail-anomaly verdict export` and `import`: the board's work in a spreadsheet."""

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import ConfigFile
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.core.codec import encode
from retail_anomaly.core.quantities import plural
from retail_anomaly.whole_file import refuse_to_overwrite

if TYPE_CHECKING:
    from retail_anomaly.frames.cases import CaseBook

verdict_app = typer.Typer(rich_markup_mode=None, help="Judge cases in a spreadsheet.")

_Alerts = Annotated[Path, typer.Option(help="The alerts: a file of JSON lines, as replay writes it.")]
_Actions = Annotated[
    Path | None, typer.Option(help="The decisions. Default: beside the alerts, .actions.jsonl.")
]


@verdict_app.command()
def export(
    sheet: Annotated[Path, typer.Argument(help="The sheet to write: .csv or .xlsx.")],
    *,
    alerts: _Alerts,
    actions: _Actions = None,
    config: ConfigFile = None,
) -> None:
    """Write the open cases in reading order, with empty columns for your verdict and reason.

    Example: retail-anomaly verdict export cases.csv --alerts alerts.jsonl
    """
    file = actions or alerts.with_suffix(".actions.jsonl")
    refuse_to_overwrite({"SHEET": sheet}, [alerts, file, config])
    require_writable(sheet)
    from retail_anomaly.frames.case_sheets import write_cases

    book = _book(alerts, file, config)
    write_cases(book, sheet)
    typer.echo(f"{plural(len(book.reading_order()), 'open case')}: {sheet}", err=True)


@verdict_app.command(name="import")
def take(
    sheet: Annotated[Path, typer.Argument(help="The sheet with your verdicts and reasons.")],
    *,
    alerts: _Alerts,
    actions: _Actions = None,
    name: Annotated[
        str | None, typer.Option("--as", help="The name under which you act. Default: your login.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Append the verdicts of a sheet to the decisions; a wrong row changes nothing.

    Example: retail-anomaly verdict import cases.csv --alerts alerts.jsonl
    """
    file = actions or alerts.with_suffix(".actions.jsonl")
    refuse_to_overwrite({"--actions": file}, [alerts, sheet, config])
    require_writable(file)
    from retail_anomaly.frames.case_sheets import read_verdicts

    book = _book(alerts, file, config)
    new = read_verdicts(sheet, book, by=name or getpass.getuser(), time=time.time_ns() // 1_000_000)
    kept = GrowingFile(file)
    for action in new:
        kept.append(encode(action), action.store_id)
    typer.echo(f"{plural(len(new), 'verdict')} of {sheet}: {file}", err=True)


def _book(alerts: Path, actions: Path, config: Path | None) -> "CaseBook":
    """Return the cases of the alerts after the decisions so far."""
    from retail_anomaly.frames.cases import triage
    from retail_anomaly.settings import load

    return triage(alerts, actions if actions.exists() else (), settings=load(config).settings)
