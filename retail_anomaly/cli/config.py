"""The commands `retail-anomaly config ...`: show, check and describe the configuration."""

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from retail_anomaly.cli.options import ConfigFile
from retail_anomaly.rules.rule_schema import rule_schema
from retail_anomaly.settings import build_engine, flatten, json_schema, load

config_app = typer.Typer(rich_markup_mode=None, help="Show and check the configuration.")


@config_app.command()
def show(
    config: ConfigFile = None,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Print the packaged configuration file, to copy from.")
    ] = False,
) -> None:
    """Print every setting, its value and the place that the value comes from.

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
def schema(
    rules: Annotated[
        bool, typer.Option("--rules", help="The schema of a file with declarative rules.")
    ] = False,
) -> None:
    """Print the JSON Schema of the configuration file, for an editor that completes and checks it.

    Example: retail-anomaly config schema > config.schema.json
    """
    found = rule_schema() if rules else json_schema()
    typer.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())


@config_app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file (YAML).")],
) -> None:
    """Check a configuration file. If something is wrong, print one line about it and exit with 2.

    Example: retail-anomaly config check shops.yaml
    """
    build_engine(load(file, environ={}).settings)
    typer.echo(f"{file}: all right")


def _text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
