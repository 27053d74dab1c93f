"""The commands `retail-streamer state`, `state reset` and `state adopt`."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from retail_anomaly.settings import load
from streamer.cli.options import Broker, Config, Group, StateDir, prepare
from streamer.kafka.connection import with_quix_names

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def state(
    context: typer.Context,
    *,
    config: Config = None,
    consumer_group: Group = None,
    state_dir: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every store.")] = False,
) -> None:
    """Print the local state of a stopped streamer.

    It shows entries, bytes and age by detector. Ages are in event time and end at the newest event of the
    store. Without a further command nothing is changed, and no broker is needed.

    Example: retail-streamer state --state-dir state --consumer-group retail-anomaly
    """
    if context.invoked_subcommand is not None:
        return
    from streamer.detection.state_files import read_state

    flags = {"streamer.consumer_group": consumer_group, "streamer.state_dir": state_dir}
    settings = load(config, environ=with_quix_names(os.environ), flags=flags).settings.streamer
    report = read_state(Path(settings.state_dir), settings.consumer_group)
    if as_json:
        typer.echo(json.dumps(report.content()))
    else:
        typer.echo("\n".join(report.lines()))


@app.command()
def reset(
    *,
    config: Config = None,
    broker: Broker = None,
    consumer_group: Group = None,
    state_dir: StateDir = None,
) -> None:
    """Delete the state and the offsets of a group without running streamers.

    The next streamer begins with the oldest records. It raises past alerts again, with the same ids. On other
    machines of the group, delete the folder of the local state yourself.

    Example: retail-streamer state reset --broker localhost:9092
    """
    settings, connection = prepare(
        config, False, broker=broker, consumer_group=consumer_group, state_dir=state_dir
    )
    from streamer.kafka.group_state import GroupState

    streamer = settings.streamer
    for line in GroupState(connection, streamer.consumer_group).reset(Path(streamer.state_dir)):
        typer.echo(line)


@app.command()
def adopt(*, config: Config = None, broker: Broker = None, consumer_group: Group = None) -> None:
    """Let a group without running streamers go on from where its state stands.

    Where there is no state, it goes on with an empty one from the group's offsets: events before them are
    not known, so some alerts may be missing and some refunds may seem to lack a sale.

    Example: retail-streamer state adopt --broker localhost:9092
    """
    settings, connection = prepare(config, False, broker=broker, consumer_group=consumer_group)
    from streamer.kafka.group_state import GroupState
    from streamer.kafka.topic_plan import TopicNames

    topics = TopicNames.of_settings(settings).aligned
    for line in GroupState(connection, settings.streamer.consumer_group).adopt(topics):
        typer.echo(line)
