"""The commands `retail-anomaly rules ...`: check, try and judge declarative rules."""

from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import ColumnNames, ConfigFile, MappingFile, Page, mapping_of
from retail_anomaly.core.codec import encode
from retail_anomaly.rules import Rule, load_rules
from retail_anomaly.rules.examples import check_examples
from retail_anomaly.settings import load
from retail_anomaly.sources.read_files import files_of
from retail_anomaly.whole_file import refuse_to_overwrite

rules_app = typer.Typer(rich_markup_mode=None, help="Check declarative rules and try them on history.")

_RULES = Annotated[list[Path], typer.Argument(metavar="RULES...", help="Files and folders with rules.")]
_ONE_RULES = Annotated[
    Path,
    typer.Argument(metavar="RULES", help="A file or a folder with rules, or a pack: pos, grocery, fashion."),
]
_LOG = Annotated[str, typer.Argument(metavar="LOG", help="The events, as `replay` reads them.")]

_NEW = """\
# Checks itself in an editor: `retail-anomaly config schema --rules > rules.schema.json`
id: {id}
version: 1
status: shadow            # off | shadow | live
message: "Cashier {{cashierId}} opened the drawer {{value}} times without a sale."
events:
  drawer: {{eventType: NO_SALE}}
by: [cashierId]
window: 8h                # a duration, day or receipt
when: {{count: drawer, gte: 5}}
subject: cashierId
risk: [[5, 0.5], [10, 0.9]]
examples:
  fires:
    - - {{at: 1m, eventType: NO_SALE}}
      - {{at: 2m, eventType: NO_SALE}}
      - {{at: 3m, eventType: NO_SALE}}
      - {{at: 4m, eventType: NO_SALE}}
      - {{at: 5m, eventType: NO_SALE}}
  quiet:
    - - {{at: 1m, eventType: NO_SALE}}
"""


@rules_app.command()
def check(files: _RULES) -> None:
    """Check rule files and run their examples. The first error is one line; exit code 2.

    Example: retail-anomaly rules check my-rules/
    """
    rules = load_rules(files)
    for rule in rules:
        count = check_examples(rule)
        typer.echo(f"{rule.id} version {rule.version}, {rule.status}: all right, {count} examples")


@rules_app.command(name="test")
def try_out(
    rules: _ONE_RULES,
    log: _LOG,
    *,
    config: ConfigFile = None,
    mapping: MappingFile = None,
    columns: ColumnNames = None,
) -> None:
    """Run rules alone over a log, whatever their status; print their alerts as JSON lines.

    Example: retail-anomaly rules test my-rules/drawer.yaml log.jsonl
    """
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.core.quantities import plural
    from retail_anomaly.evaluate.backtest import rules_alone
    from retail_anomaly.replay import open_replay
    from retail_anomaly.sources.event_log import BadLines

    alone, names = rules_alone([rules], load(config).settings)
    run = open_replay(log, None, mapping_of(mapping, columns), alone, names)
    bad = BadLines()
    count = 0
    for alert in run.alerts(bad, False):
        typer.echo(encode(alert).decode())
        count += alert.revision == 1
    typer.echo(f"{plural(run.events.total(), 'event')}: {plural(count, 'alert')}", err=True)
    say_how_read([*run.remarks, *run.hints], bad)


@rules_app.command()
def backtest(
    rules: _ONE_RULES,
    log: _LOG,
    config: ConfigFile = None,
    against: Annotated[
        Path | None, typer.Option(help="Compare with the rules of this configuration: new and lost alerts.")
    ] = None,
    incidents: Annotated[
        Path | None, typer.Option(help="The incidents that were there to be found, for precision.")
    ] = None,
    mapping: MappingFile = None,
    columns: ColumnNames = None,
    html: Page = None,
) -> None:
    """Judge rules on history: alerts a store-day, new and lost alerts, precision where the truth is known.

    Example: retail-anomaly rules backtest my-rules/ log.jsonl --against config.yaml

    All packaged rules: retail-anomaly rules backtest pos log.jsonl --incidents incidents.jsonl
    """
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.core.quantities import plural
    from retail_anomaly.evaluate.backtest import backtest as judged
    from retail_anomaly.sources.loaded import Events

    refuse_to_overwrite({"--html": html}, [rules, *files_of(log), config, against, incidents, mapping])
    require_writable(html)
    settings = load(config).settings
    events = Events(log, None, mapping_of(mapping, columns), settings.zones, settings.privacy)
    result = judged([rules], events, settings=settings, against=against, incidents=incidents)
    typer.echo(result.table.to_string(index=False, na_rep=""))
    total = result.alerts["alert_id"].nunique()
    typer.echo(
        f"{plural(total, 'alert')} in {plural(result.store_days, 'store-day')}: "
        f"{total / max(1, result.store_days):.3f} a store-day",
        err=True,
    )
    say_how_read(events.notes, events.unread)
    if html is not None:
        from retail_anomaly.report.html import frame_table, section, write_page

        write_page(
            html,
            title="Rules on history",
            summary=f"{plural(len(result.table), 'rule')} over {plural(result.store_days, 'store-day')}.",
            facts={"alerts": f"{result.alerts['alert_id'].nunique():,}"},
            sections=[
                section("By rule", frame_table(result.table.fillna(""), caption="Alerts of each rule"))
            ],
            footer="retail-anomaly rules backtest",
        )


@rules_app.command()
def new(
    id: Annotated[str, typer.Argument(metavar="ID", help="The id of the rule.")],  # noqa: A002 - its name
    like: Annotated[str | None, typer.Option(help="A packaged rule to extend: pos/no_sale_abuse.")] = None,
) -> None:
    """Print a rule to start from.

    Example: retail-anomaly rules new drawer_opened > drawer.yaml
    """
    text = _NEW.format(id=id)
    if like is not None:
        text = f"id: {id}\nextends: {like}\nversion: 1\nstatus: shadow\n"
    Rule.load(text)
    typer.echo(text, nl=False)
