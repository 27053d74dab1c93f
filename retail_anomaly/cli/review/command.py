"""The command `retail-anomaly review`."""

import getpass
import os
import socket
import sys
import webbrowser
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from retail_anomaly.cli.frame import require_writable
from retail_anomaly.cli.options import ConfigFile, MappingFile, mapping_of
from retail_anomaly.cli.review.growing_file import GrowingFile
from retail_anomaly.core.errors import UsageError
from retail_anomaly.core.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retail_anomaly.cli.review.board_cases import Records
    from retail_anomaly.cli.review.case_receipts import KeptReceipts, ReceiptSource
    from retail_anomaly.core.alerts import Alert
    from retail_anomaly.settings import Settings

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def review(
    alerts: Annotated[
        Path | None,
        typer.Argument(
            help="Alerts, JSON lines, as replay writes them. Appended alerts appear on the board."
        ),
    ] = None,
    *,
    broker: Annotated[
        str | None,
        typer.Option(
            help="Kafka brokers, as host:port, in place of a file: the board reads anomaly-alerts and writes "
            "your decisions to alert-actions."
        ),
    ] = None,
    actions: Annotated[
        Path | None,
        typer.Option(
            help="The file that your decisions are appended to. Default: beside the alerts, .actions.jsonl."
        ),
    ] = None,
    events: Annotated[
        str | None,
        typer.Option(
            help="The log that the alerts came from, or its folder: the board then shows the receipts behind "
            "each alert."
        ),
    ] = None,
    mapping: MappingFile = None,
    config: ConfigFile = None,
    name: Annotated[
        str | None, typer.Option("--as", help="The name under which you act. Default: your login.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on. Any but this machine's own needs --user-header.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0: any free one.")] = 8090,
    user_header: Annotated[
        str | None,
        typer.Option(
            help="Behind a proxy: the header in which it names the person, such as X-Forwarded-User."
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the board in a browser.")] = True,
) -> None:
    """Read cases in the order of their probability, and judge them: a board in your browser.

    Example: retail-anomaly review alerts.jsonl --events events.jsonl

    The board runs until you press Ctrl-C. Each decision is a line of the actions file, or with --broker a
    record of the topic alert-actions. Start the board again, and it shows the cases as you left them.
    """
    if host not in _LOOPBACK and user_header is None:
        raise UsageError(f"--host {host}: everybody could act under your name; give --user-header too")
    if (alerts is None) == (broker is None):
        raise UsageError("review takes a file of alerts or --broker, one of them")
    from retail_anomaly.cli.review.board_cases import require_alerts

    if alerts is None:
        if actions is not None:
            raise UsageError("--actions goes with a file of alerts; with --broker decisions go to Kafka")
        if events is not None:
            raise UsageError("--events goes with a file of alerts; with --broker receipts come from Kafka")
        require("confluent_kafka")
        kafka = import_module("streamer.cli.case_topics")
        topics, receipts = kafka.open_case_topics(config, broker), kafka.open_receipts(config, broker)
        kept = "the topic alert-actions"
    else:
        file = actions or alerts.with_suffix(".actions.jsonl")
        require_writable(file)
        with alerts.open("rb"):
            pass  # The error names the file.
        require_alerts(GrowingFile(alerts), str(alerts))
        topics, kept = files_of(alerts, file), str(file)
        receipts = None if events is None else Log(events, mapping)
    serve_board(
        *(topics, kept, config),
        receipts=receipts,
        name=name,
        host=host,
        port=port,
        user_header=user_header,
        browser=browser,
    )


def files_of(alerts: Path, actions: Path) -> "tuple[Records, Records]":
    """Return the records of an alerts file and of an actions file."""
    return GrowingFile(alerts), GrowingFile(actions)


class Log(NamedTuple):
    """A log of events.

    Parameters
    ----------
    source
        The file, or the folder.
    mapping
        How it is read, as for `--mapping`.
    """

    source: str
    mapping: str | None = None


def serve_board(
    records: "tuple[Records, Records]",
    kept: str,
    config: Path | None = None,
    *,
    receipts: "Log | ReceiptSource | None" = None,
    name: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    user_header: str | None = None,
    browser: bool = True,
) -> None:
    """Serve the board until Ctrl-C; the other parameters are those of the command.

    Parameters
    ----------
    records
        The alerts and the actions.
    kept
        Where the decisions are, in words.
    receipts
        The log that the alerts came from, or another source of the receipts behind them.
    config, name, host, port, user_header, browser
        As for the command.
    """
    import uvicorn

    from retail_anomaly.cli.review.access import Rules
    from retail_anomaly.cli.review.board_cases import BoardCases
    from retail_anomaly.cli.review.web import new_board
    from retail_anomaly.core.quantities import plural
    from retail_anomaly.settings import load

    settings = load(config).settings
    cases = BoardCases(*records, settings)
    cases.refresh()
    source = _kept(receipts, cases.alerts(), settings) if isinstance(receipts, Log) else receipts
    rules = Rules(
        name or getpass.getuser(), user_header=user_header, hosts=() if user_header else (*_LOOPBACK, "[::1]")
    )
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
            server.listen()  # where a port is taken, some systems say so only now
        except OSError as error:
            advice = "choose another port, or 0 for any free one"
            raise UsageError(f"--port {port}: {error.strerror}; {advice}") from None
        address = f"http://{f'[{host}]' if ':' in host else host}:{server.getsockname()[1]}/"
        secret = "" if user_header else f"?token={rules.token}"
        waiting = plural(len(cases.waiting()), "open case")

        class Announced(uvicorn.Server):
            """Prints the address once it answers, and ends well from then on."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                typer.echo(f"{waiting} on {address}{secret} (Ctrl-C ends the board)")
                if browser and not user_header and _has_screen():
                    webbrowser.open(f"{address}{secret}")

        with suppress(KeyboardInterrupt):  # Ctrl-C is the ordinary end
            Announced(uvicorn.Config(new_board(cases, rules, source), log_level="warning")).run([server])
    typer.echo(f"Your decisions: {kept}", err=True)


def _kept(log: Log, alerts: "Iterable[Alert]", settings: "Settings") -> "KeptReceipts":
    from retail_anomaly.cli.closing import say_how_read
    from retail_anomaly.cli.review.case_receipts import KeptReceipts
    from retail_anomaly.sources.loaded import Events

    mapping = mapping_of(log.mapping, None)
    read = Events(log.source, None, mapping, settings.zones, settings.privacy)
    kept = KeptReceipts(alerts, read)
    say_how_read(read.notes, read.unread)
    return kept


def _has_screen() -> bool:
    # Without one Python would start a text browser, and the board would wait for its end.
    return sys.platform in {"darwin", "win32"} or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
