"""Options that several commands share, and the settings and the connection that they lead to."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, Never

import typer

from retail_anomaly.cli.ending import handle
from retail_anomaly.settings import Settings, load
from streamer.kafka.connection import Connection, resolve, with_quix_names
from streamer.observe.heap_memory import share_heaps

Config = Annotated[
    Path | None, typer.Option(help="Configuration file (YAML). Keys that it leaves out keep their defaults.")
]
Broker = Annotated[str | None, typer.Option(help="Kafka: host:port, several separated by commas.")]
Group = Annotated[str | None, typer.Option(help="Consumer group. Streamers of one group share the stores.")]
StateDir = Annotated[str | None, typer.Option(help="Folder of the local state.")]
Rekey = Annotated[
    bool | None,
    typer.Option(
        "--rekey/--no-rekey", help="Accept messages whose key is not their store, and key them by it."
    ),
]
ExactlyOnce = Annotated[
    bool | None,
    typer.Option(
        "--exactly-once/--at-least-once",
        help="Exactly once: no consumer sees an alert twice, but alerts wait for the next commit.",
    ),
]
MetricsPort = Annotated[
    int | None,
    typer.Option(
        min=0, max=65_535, help="Serve /metrics, /healthz and /readyz on this port; 0 turns them off."
    ),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option(envvar="RETAIL_LOG_LEVEL", help="Log messages of this level and above."),
]
Embedded = Annotated[
    bool,
    typer.Option(
        "--embedded-broker", help="The broker is the demo's own (`retail-streamer broker`), not a Kafka."
    ),
]


def prepare(config: Path | None, embedded: bool, **flags: Any) -> tuple[Settings, Connection]:
    """Load the settings and decide where to connect.

    Parameters
    ----------
    config
        The configuration file.
    embedded
        Whether the broker is the demo's own.
    **flags
        Values given on the command line, by their key in the section `streamer`; None: not given.
    """
    share_heaps()
    loaded = load(
        config,
        environ=with_quix_names(os.environ),
        flags={f"streamer.{key}": value for key, value in flags.items()},
    )
    connection = resolve(
        loaded.settings.streamer.broker,
        os.environ,
        named=loaded.sources["streamer.broker"] != "default",
        embedded=embedded,
    )
    return loaded.settings, connection


def guarantee(exactly_once: bool | None) -> str | None:
    """Return the value of `processing_guarantee` that the option stands for.

    Examples
    --------
    >>> guarantee(True), guarantee(None)
    ('exactly-once', None)
    """
    if exactly_once is None:
        return None
    return "exactly-once" if exactly_once else "at-least-once"


def end_quietly() -> None:
    """From now on end with exit code 0 on SIGTERM and Ctrl-C: nothing has begun that must be finished.

    Quix Streams installs handlers of its own when it runs.
    """

    def end(*_: object) -> Never:
        sys.exit(0)

    handle(end, "SIGTERM", "SIGINT")
